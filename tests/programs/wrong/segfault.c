//# isolate: image
//# p: 1,2
//# vp: 1,4,16
//# switch: hop,reference
//# exit: 139
//# expect-error: /rank 0\b.*(SIGSEGV|segmentation fault|Segmentation fault)/
//# expect-error: /segfault\.c|write_through/
//# timeout: 20
// A null pointer is written through: the job ends with the rank, the signal, and a backtrace that names the place.
#include "../check.h"

__attribute__((noinline)) static void write_through(volatile int *pointer)
{
    *pointer = 1;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        write_through(NULL);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
