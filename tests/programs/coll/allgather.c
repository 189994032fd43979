//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Allgather and Allgatherv: sizes, gaps, in place, blocking and nonblocking.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    static const int counts[] = {0, 1, 5, 1000};
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        long *all = malloc((size_t)n * 1010 * sizeof(long)), *mine = malloc(1010 * sizeof(long));
        int *lengths = malloc((size_t)n * sizeof(int)), *places = malloc((size_t)n * sizeof(int));
        for (int k = 0; k < 4; k++)
            for (int way = 0; way < 4; way++) {
                int count = counts[k], in_place = way / 2;
                MPI_Request request;
                for (int i = 0; i < n * 1010; i++)
                    all[i] = -1;
                for (int i = 0; i < count; i++)
                    mine[i] = me * 10000L + i;
                if (in_place)
                    memcpy(all + me * count, mine, (size_t)count * sizeof(long));
                void *from = in_place ? MPI_IN_PLACE : (void *)mine;
                if (way % 2) {
                    MPI_Iallgather(from, count, MPI_LONG, all, count, MPI_LONG, comms[c], &request);
                    complete(&request, k % 2);
                } else {
                    MPI_Allgather(from, count, MPI_LONG, all, count, MPI_LONG, comms[c]);
                }
                for (int r = 0; r < n; r++)
                    for (int i = 0; i < count; i++)
                        CHECK_EQ(all[r * count + i], r * 10000L + i);
                for (int i = 0; i < n * 1010; i++)
                    all[i] = -1;
                for (int r = 0; r < n; r++) {
                    lengths[r] = r % 4 == 3 ? 0 : (r * 37) % (count + 1);
                    places[r] = r * 1005 + 3;
                }
                for (int i = 0; i < lengths[me]; i++)
                    mine[i] = me * 20000L + i;
                if (in_place)
                    memcpy(all + places[me], mine, (size_t)lengths[me] * sizeof(long));
                if (way % 2) {
                    MPI_Iallgatherv(from, lengths[me], MPI_LONG, all, lengths, places, MPI_LONG, comms[c], &request);
                    complete(&request, k % 2 == 0);
                } else {
                    MPI_Allgatherv(from, lengths[me], MPI_LONG, all, lengths, places, MPI_LONG, comms[c]);
                }
                for (int r = 0; r < n; r++) {
                    for (int i = 0; i < lengths[r]; i++)
                        CHECK_EQ(all[places[r] + i], r * 20000L + i);
                    CHECK_EQ(all[places[r] - 1], -1);
                    CHECK_EQ(all[places[r] + lengths[r]], -1);
                }
            }
        free(all);
        free(mine);
        free(lengths);
        free(places);
    }
    communicators_free(comms);
    return FINISH("allgather");
}
