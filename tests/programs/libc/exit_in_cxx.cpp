//# p: 1,2
//# vp: 1,8
//# compare: mpich
//# expect-each: /^rank {rank}: static destroyed, stack not$/
// std::exit destroys statics but not the objects on the stack; std::atexit; quick_exit runs only its own handlers.
#include "../check.h"
#include <cstdlib>
#include <unistd.h>

static int my_rank = -1;
static bool stack_destroyed;
struct Static {
    ~Static() { printf("rank %d: static destroyed, stack %s\n", my_rank, stack_destroyed ? "too" : "not"); }
} object;
struct OnStack {
    ~OnStack() { stack_destroyed = true; }
};

int main(int argc, char **argv)
{
    START(argc, argv);
    my_rank = rank;
    OnStack here;
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    std::exit(0);
}
