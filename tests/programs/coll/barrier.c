//# p: 1,2
//# vp: 1,2,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Nobody leaves a barrier before everybody has entered it; blocking and nonblocking, on all communicators.
#include "communicators.h"
#include <sched.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        for (int round = 0; round < 20; round++) {
            if (me == round % n) /* one comes late */
                for (int i = 0; i < 20; i++)
                    sched_yield();
            double entered = MPI_Wtime(), last;
            if (round % 3 == 0) {
                MPI_Barrier(comms[c]);
            } else {
                MPI_Request request;
                MPI_Ibarrier(comms[c], &request);
                complete(&request, round % 3 == 1);
            }
            double left = MPI_Wtime();
            MPI_Allreduce(&entered, &last, 1, MPI_DOUBLE, MPI_MAX, comms[c]);
            CHECK(left >= last, "rank %d left barrier %d before the last had entered", me, round);
        }
    }
    communicators_free(comms);
    return FINISH("barrier");
}
