//# p: 1,2
//# vp: 1,2,4,8,32
//# switch: hop,reference
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Many nonblocking collectives at once, on several communicators, completed in other orders than they were started in.
#include "communicators.h"

#define EACH 12

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    enum { MOST = COMMUNICATORS * EACH };
    MPI_Request requests[MOST];
    int in[MOST], *out = calloc((size_t)size * MOST, sizeof(int)), *mine = malloc(sizeof(int) * (size_t)size * MOST);
    for (int round = 0; round < 6; round++) {
        int used = 0;
        for (int e = 0; e < EACH; e++)
            for (int k = 0; k < COMMUNICATORS; k++) {
                /* every rank starts the communicators in an order of its own; on each the order is the same for all */
                int c = (k + rank) % COMMUNICATORS, me, n, slot = c * EACH + e;
                MPI_Comm comm = comms[c];
                MPI_Comm_rank(comm, &me);
                MPI_Comm_size(comm, &n);
                in[slot] = me * 10 + e + round;
                int *to = out + (size_t)slot * (size_t)size, *from = mine + (size_t)slot * (size_t)size;
                for (int r = 0; r < n; r++)
                    from[r] = me * 100 + r + e;
                switch ((e + round) % 6) {
                case 0: MPI_Ibarrier(comm, &requests[slot]); break;
                case 1:
                    to[0] = me == e % n ? e * 3 + round : -1;
                    MPI_Ibcast(to, 1, MPI_INT, e % n, comm, &requests[slot]);
                    break;
                case 2: MPI_Iallreduce(&in[slot], to, 1, MPI_INT, MPI_SUM, comm, &requests[slot]); break;
                case 3: MPI_Ialltoall(from, 1, MPI_INT, to, 1, MPI_INT, comm, &requests[slot]); break;
                case 4: MPI_Iallgather(&in[slot], 1, MPI_INT, to, 1, MPI_INT, comm, &requests[slot]); break;
                default: MPI_Iscan(&in[slot], to, 1, MPI_INT, MPI_SUM, comm, &requests[slot]); break;
                }
                used++;
            }
        CHECK_EQ(used, MOST);
        if (round % 3 == 0) {
            MPI_Waitall(MOST, requests, MPI_STATUSES_IGNORE);
        } else if (round % 3 == 1) {
            for (int i = 0; i < MOST; i++)
                MPI_Wait(&requests[(i * 7 + rank) % MOST], MPI_STATUS_IGNORE);
            for (int i = 0; i < MOST; i++)
                MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
        } else {
            for (int i = 0; i < MOST; i++) {
                int index;
                MPI_Waitany(MOST, requests, &index, MPI_STATUS_IGNORE);
                CHECK(index >= 0 && index < MOST, "MPI_Waitany gave %d", index);
            }
        }
        for (int c = 0; c < COMMUNICATORS; c++) {
            int me, n;
            MPI_Comm_rank(comms[c], &me);
            MPI_Comm_size(comms[c], &n);
            for (int e = 0; e < EACH; e++) {
                int *to = out + (size_t)(c * EACH + e) * (size_t)size;
                int ranks = n * (n - 1) / 2;
                switch ((e + round) % 6) {
                case 1: CHECK_EQ(to[0], e * 3 + round); break;
                case 2: CHECK_EQ(to[0], ranks * 10 + n * (e + round)); break;
                case 3:
                    for (int r = 0; r < n; r++)
                        CHECK_EQ(to[r], r * 100 + me + e);
                    break;
                case 4:
                    for (int r = 0; r < n; r++)
                        CHECK_EQ(to[r], r * 10 + e + round);
                    break;
                case 5: CHECK_EQ(to[0], me * (me + 1) / 2 * 10 + (me + 1) * (e + round)); break;
                }
            }
        }
        /* point-to-point with the same peers is not disturbed, and blocking collectives in between neither */
        int left = -1;
        MPI_Request pending;
        MPI_Iallreduce(&rank, &out[0], 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD, &pending);
        MPI_Sendrecv(&rank, 1, MPI_INT, (rank + 1) % size, 0, &left, 1, MPI_INT, (rank + size - 1) % size, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        MPI_Barrier(comms[0]);
        CHECK_EQ(left, (rank + size - 1) % size);
        MPI_Wait(&pending, MPI_STATUS_IGNORE);
        CHECK_EQ(out[0], size - 1);
    }
    free(out);
    free(mine);
    communicators_free(comms);
    return FINISH("outstanding collectives");
}
