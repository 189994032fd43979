//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Gather, Gatherv, Scatter, Scatterv from and to every root, in place too, blocking and nonblocking, counts that differ by rank.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    static const int counts[] = {0, 1, 5, 300};
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        int *all = malloc((size_t)n * 320 * sizeof(int) + 64), *mine = malloc(320 * sizeof(int));
        int *lengths = malloc((size_t)n * sizeof(int)), *places = malloc((size_t)n * sizeof(int));
        for (int k = 0; k < 4; k++)
            FOR_EACH_ROOT(root, n)
            for (int way = 0; way < 4; way++) {
                int count = counts[k], nonblocking = way % 2, in_place = way / 2 && me == root;
                MPI_Request request;
                /* gather */
                for (int i = 0; i < n * 320; i++)
                    all[i] = -1;
                for (int i = 0; i < count; i++)
                    mine[i] = me * 1000 + i;
                if (in_place)
                    memcpy(all + me * count, mine, (size_t)count * sizeof(int));
                void *from = in_place ? MPI_IN_PLACE : (void *)mine;
                if (nonblocking) {
                    MPI_Igather(from, count, MPI_INT, all, count, MPI_INT, root, comms[c], &request);
                    complete(&request, 0);
                } else {
                    MPI_Gather(from, count, MPI_INT, all, count, MPI_INT, root, comms[c]);
                }
                for (int r = 0; r < n; r++)
                    for (int i = 0; i < count; i++)
                        CHECK_EQ(all[r * count + i], me == root ? r * 1000 + i : -1);
                /* gatherv: rank r gives (r % 3) * count / 2 + r % 2 numbers; places in reverse with gaps */
                for (int r = 0; r < n; r++) {
                    lengths[r] = r % 3 * count / 2 + r % 2;
                    places[r] = (n - 1 - r) * 310 + 2;
                }
                for (int i = 0; i < n * 320; i++)
                    all[i] = -1;
                int own = me % 3 * count / 2 + me % 2;
                for (int i = 0; i < own; i++)
                    mine[i] = me * 1000 + i + 7;
                if (in_place)
                    memcpy(all + places[me], mine, (size_t)own * sizeof(int));
                if (nonblocking) {
                    MPI_Igatherv(from, own, MPI_INT, all, lengths, places, MPI_INT, root, comms[c], &request);
                    complete(&request, 1);
                } else {
                    MPI_Gatherv(from, own, MPI_INT, all, lengths, places, MPI_INT, root, comms[c]);
                }
                if (me == root) {
                    for (int r = 0; r < n; r++) {
                        for (int i = 0; i < lengths[r]; i++)
                            CHECK_EQ(all[places[r] + i], r * 1000 + i + 7);
                        CHECK_EQ(all[places[r] - 1], -1);
                        CHECK_EQ(all[places[r] + lengths[r]], -1);
                    }
                }
                /* scatter */
                for (int i = 0; i < n * count; i++)
                    all[i] = me == root ? i * 3 + root : -1;
                for (int i = 0; i < 320; i++)
                    mine[i] = -1;
                void *to = in_place ? MPI_IN_PLACE : (void *)mine;
                if (nonblocking) {
                    MPI_Iscatter(all, count, MPI_INT, to, count, MPI_INT, root, comms[c], &request);
                    complete(&request, 1);
                } else {
                    MPI_Scatter(all, count, MPI_INT, to, count, MPI_INT, root, comms[c]);
                }
                if (!in_place)
                    for (int i = 0; i < count; i++)
                        CHECK_EQ(mine[i], (me * count + i) * 3 + root);
                CHECK_EQ(mine[count], -1);
                /* scatterv */
                for (int i = 0; i < n * 310 && me == root; i++)
                    all[i] = i + root;
                for (int i = 0; i < 320; i++)
                    mine[i] = -1;
                if (nonblocking) {
                    MPI_Iscatterv(all, lengths, places, MPI_INT, to, own, MPI_INT, root, comms[c], &request);
                    complete(&request, 0);
                } else {
                    MPI_Scatterv(all, lengths, places, MPI_INT, to, own, MPI_INT, root, comms[c]);
                }
                if (!in_place)
                    for (int i = 0; i < own; i++)
                        CHECK_EQ(mine[i], (n - 1 - me) * 310 + 2 + i + root);
                CHECK_EQ(mine[own], -1);
            }
        free(all);
        free(mine);
        free(lengths);
        free(places);
    }
    communicators_free(comms);
    return FINISH("gather and scatter");
}
