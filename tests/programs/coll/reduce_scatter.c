//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Reduce_scatter, Reduce_scatter_block, Scan and Exscan, in place too, blocking and nonblocking.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    static const int counts[] = {0, 1, 6, 400};
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        long ranks = (long)n * (n - 1) / 2;
        int *mine = malloc((size_t)n * 410 * sizeof(int)), *result = malloc((size_t)n * 410 * sizeof(int));
        int *lengths = malloc((size_t)n * sizeof(int));
        for (int k = 0; k < 4; k++)
            for (int way = 0; way < 4; way++) {
                int count = counts[k], in_place = way / 2;
                MPI_Request request;
                void *from = in_place ? MPI_IN_PLACE : (void *)mine;
                /* block */
                for (int i = 0; i < n * count; i++) {
                    mine[i] = me + i;
                    result[i] = in_place ? me + i : -1;
                }
                if (way % 2) {
                    MPI_Ireduce_scatter_block(from, result, count, MPI_INT, MPI_SUM, comms[c], &request);
                    complete(&request, k % 2);
                } else {
                    MPI_Reduce_scatter_block(from, result, count, MPI_INT, MPI_SUM, comms[c]);
                }
                for (int i = 0; i < count; i++)
                    CHECK_EQ(result[i], ranks + (long)n * (me * count + i));
                /* different lengths, some zero */
                int total = 0, before = 0;
                for (int r = 0; r < n; r++) {
                    lengths[r] = r % 3 == 1 ? 0 : count + r % 2;
                    total += lengths[r];
                    before += r < me ? lengths[r] : 0;
                }
                for (int i = 0; i < total; i++) {
                    mine[i] = 2 * me - i;
                    result[i] = in_place ? mine[i] : -1;
                }
                if (way % 2) {
                    MPI_Ireduce_scatter(from, result, lengths, MPI_INT, MPI_SUM, comms[c], &request);
                    complete(&request, k % 2);
                } else {
                    MPI_Reduce_scatter(from, result, lengths, MPI_INT, MPI_SUM, comms[c]);
                }
                for (int i = 0; i < lengths[me]; i++)
                    CHECK_EQ(result[i], 2 * ranks - (long)n * (before + i));
                /* scan and exscan */
                for (int exclusive = 0; exclusive < 2; exclusive++) {
                    for (int i = 0; i < count; i++) {
                        mine[i] = me + 1 + i;
                        result[i] = in_place ? mine[i] : -77;
                    }
                    if (way % 2) {
                        if (exclusive)
                            MPI_Iexscan(from, result, count, MPI_INT, MPI_SUM, comms[c], &request);
                        else
                            MPI_Iscan(from, result, count, MPI_INT, MPI_SUM, comms[c], &request);
                        complete(&request, k % 2);
                    } else if (exclusive) {
                        MPI_Exscan(from, result, count, MPI_INT, MPI_SUM, comms[c]);
                    } else {
                        MPI_Scan(from, result, count, MPI_INT, MPI_SUM, comms[c]);
                    }
                    long terms = exclusive ? me : me + 1;
                    if (terms > 0)
                        for (int i = 0; i < count; i++)
                            CHECK_EQ(result[i], terms * (terms + 1) / 2 + terms * i);
                    else if (!in_place)
                        for (int i = 0; i < count; i++)
                            CHECK_EQ(result[i], -77);
                }
            }
        free(mine);
        free(result);
        free(lengths);
    }
    communicators_free(comms);
    return FINISH("reduce-scatter and scan");
}
