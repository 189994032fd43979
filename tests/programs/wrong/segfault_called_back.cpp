//# isolate: image
//# p: 1
//# vp: 2
//# exit: 139
//# expect-error: /rank \d\b.*in a function called by MPI_Reduce_local/
//# expect-error: /geometry::sum\(.* at .*segfault_called_back\.cpp:\d+/
//# timeout: 20
// A user's reduction writes to a null pointer: the report tells the program's function from the call it was in.
#include "../check.h"

namespace geometry {
__attribute__((noinline)) void sum(void *, void *, int *, MPI_Datatype *)
{
    volatile int *volatile nowhere = nullptr;
    *nowhere = 1;
}
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Op op;
    MPI_Op_create(geometry::sum, 1, &op);
    int a = rank, b = rank;
    if (rank == size - 1)
        MPI_Reduce_local(&a, &b, 1, MPI_INT, op);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
