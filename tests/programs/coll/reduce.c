//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// Reduce and Allreduce to every root, in place too, blocking and nonblocking, of all sizes.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    long *mine = malloc(20000 * sizeof(long)), *result = malloc(20001 * sizeof(long));
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        long ranks = (long)n * (n - 1) / 2;
        for (int k = 0; k < TRY_COUNTS; k++) {
            int count = try_counts[k];
            FOR_EACH_ROOT(root, n) {
                for (int way = 0; way < 4; way++) {
                    MPI_Request request;
                    int in_place = way / 2 && me == root;
                    for (int i = 0; i < count; i++) {
                        mine[i] = me * 3L + i;
                        result[i] = in_place ? mine[i] : -1;
                    }
                    result[count] = -5;
                    void *from = in_place ? MPI_IN_PLACE : (void *)mine, *to = me == root ? result : NULL;
                    if (way % 2) {
                        MPI_Ireduce(from, to, count, MPI_LONG, MPI_SUM, root, comms[c], &request);
                        complete(&request, root % 2);
                    } else {
                        MPI_Reduce(from, to, count, MPI_LONG, MPI_SUM, root, comms[c]);
                    }
                    for (int i = 0; i < count; i++) {
                        CHECK_EQ(result[i], me == root ? 3 * ranks + (long)n * i : -1);
                        CHECK_EQ(mine[i], me * 3L + i);
                    }
                    CHECK_EQ(result[count], -5);
                }
                if (count >= 1000 && root > 1)
                    break;
            }
            for (int way = 0; way < 4; way++) {
                MPI_Request request;
                for (int i = 0; i < count; i++) {
                    mine[i] = (me + 1L) * (i % 7 - 3);
                    result[i] = way / 2 ? mine[i] : -1;
                }
                result[count] = -5;
                void *from = way / 2 ? MPI_IN_PLACE : (void *)mine;
                MPI_Op op = k % 2 ? MPI_MAX : MPI_MIN;
                if (way % 2) {
                    MPI_Iallreduce(from, result, count, MPI_LONG, op, comms[c], &request);
                    complete(&request, k % 2);
                } else {
                    MPI_Allreduce(from, result, count, MPI_LONG, op, comms[c]);
                }
                for (int i = 0; i < count; i++) {
                    int factor = i % 7 - 3;
                    CHECK_EQ(result[i], (factor > 0) == k % 2 ? (long)n * factor : factor);
                }
                CHECK_EQ(result[count], -5);
            }
        }
    }
    free(mine);
    free(result);
    communicators_free(comms);
    return FINISH("reduce");
}
