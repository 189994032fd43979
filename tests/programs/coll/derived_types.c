//# p: 1,2
//# vp: 1,2,4,8,32
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Collectives with non-contiguous datatypes: gaps stay untouched, extents place the blocks, signatures may differ in form.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    /* a column of a 6 x 5 matrix, resized so that consecutive columns follow each other */
    MPI_Datatype column, columns;
    MPI_Type_vector(6, 1, 5, MPI_INT, &column);
    MPI_Type_create_resized(column, 0, sizeof(int), &columns);
    MPI_Type_commit(&columns);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        int width = n;
        MPI_Datatype tall, wide;
        MPI_Type_vector(6, 1, width, MPI_INT, &tall);
        MPI_Type_create_resized(tall, 0, sizeof(int), &wide);
        MPI_Type_commit(&wide);
        int *matrix = malloc(sizeof(int) * 6 * (size_t)width), mine[6];
        /* gather: rank r's six numbers become column r */
        for (int i = 0; i < 6; i++)
            mine[i] = me * 10 + i;
        for (int i = 0; i < 6 * width; i++)
            matrix[i] = -1;
        MPI_Allgather(mine, 6, MPI_INT, matrix, 1, wide, comms[c]);
        for (int row = 0; row < 6; row++)
            for (int r = 0; r < n; r++)
                CHECK_EQ(matrix[row * width + r], r * 10 + row);
        for (int i = 0; i < 6 * width; i++)
            matrix[i] = me == 0 ? -1 : -2;
        MPI_Gather(mine, 6, MPI_INT, matrix, 1, wide, 0, comms[c]);
        for (int row = 0; row < 6; row++)
            for (int r = 0; r < n; r++)
                CHECK_EQ(matrix[row * width + r], me == 0 ? r * 10 + row : -2);
        /* scatter the columns back */
        memset(mine, 0, sizeof mine);
        for (int i = 0; i < 6 * width && me == n - 1; i++)
            matrix[i] = i;
        MPI_Scatter(matrix, 1, wide, mine, 6, MPI_INT, n - 1, comms[c]);
        for (int row = 0; row < 6; row++)
            CHECK_EQ(mine[row], row * width + me);
        /* broadcast of 3 and of 300 numbers: every second one at the root, one after the other elsewhere; and the reverse */
        for (int form = 0; form < 4; form++) {
            int count = form & 1 ? 300 : 3, spread = (me == 0) == (form < 2), step = spread ? 2 : 1, line[600];
            MPI_Datatype gaps;
            MPI_Type_vector(count, 1, 2, MPI_INT, &gaps);
            MPI_Type_commit(&gaps);
            for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
                for (int i = 0; i < 600; i++)
                    line[i] = me == 0 && i % step == 0 && i / step < count ? form * 1000 + i / step : -1;
                if (nonblocking) {
                    MPI_Request request;
                    MPI_Ibcast(line, spread ? 1 : count, spread ? gaps : MPI_INT, 0, comms[c], &request);
                    MPI_Wait(&request, MPI_STATUS_IGNORE);
                } else {
                    MPI_Bcast(line, spread ? 1 : count, spread ? gaps : MPI_INT, 0, comms[c]);
                }
                for (int i = 0; i < 600; i++)
                    CHECK_EQ(line[i], i % step == 0 && i / step < count ? form * 1000 + i / step : -1);
            }
            MPI_Type_free(&gaps);
        }
        /* transpose by alltoall of columns into rows */
        int *square = malloc(sizeof(int) * (size_t)(n * n)), *rows = malloc(sizeof(int) * (size_t)(n * n));
        MPI_Datatype block, blocks;
        MPI_Type_vector(n, 1, n, MPI_INT, &block);
        MPI_Type_create_resized(block, 0, sizeof(int), &blocks);
        MPI_Type_commit(&blocks);
        for (int i = 0; i < n * n; i++) {
            square[i] = me * 10000 + i;
            rows[i] = -1;
        }
        MPI_Alltoall(square, 1, blocks, rows, n, MPI_INT, comms[c]);
        for (int r = 0; r < n; r++)
            for (int i = 0; i < n; i++)
                CHECK_EQ(rows[r * n + i], r * 10000 + i * n + me);
        MPI_Type_free(&block);
        MPI_Type_free(&blocks);
        MPI_Type_free(&tall);
        MPI_Type_free(&wide);
        free(square);
        free(rows);
        free(matrix);
    }
    /* a type that starts before and ends behind its address */
    MPI_Datatype around;
    int lengths[2] = {1, 1};
    int places[2] = {-2, 2};
    MPI_Type_indexed(2, lengths, places, MPI_INT, &around);
    MPI_Type_commit(&around);
    int window[5] = {rank, -1, -1, -1, rank * 2};
    MPI_Bcast(window + 2, 1, around, size - 1, MPI_COMM_WORLD);
    CHECK(window[0] == size - 1 && window[4] == 2 * (size - 1) && window[1] == -1 && window[3] == -1, "negative displacement");
    MPI_Type_free(&around);
    MPI_Type_free(&column);
    MPI_Type_free(&columns);
    communicators_free(comms);
    return FINISH("collectives with derived datatypes");
}
