//# p: 1,2
//# vp: 4
//# exit: 7
//# expect-each: /^rank {rank} ends$/
// After MPI_Finalize one rank returns 7 from main: that is the exit code of the job.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    printf("rank %d ends\n", rank);
    MPI_Finalize();
    return rank == 2 ? 7 : 0;
}
