//# p: 1,2
//# vp: 2
//# exit: 9
//# expect: said before the end
//# timeout: 20
// What a rank has printed before MPI_Abort is not lost when it was flushed.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 0) {
        printf("said before the end\n");
        fflush(stdout);
        MPI_Abort(MPI_COMM_SELF, 9);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return 0;
}
