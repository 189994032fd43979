//# p: 1,2
//# vp: 2,8
//# expect: /ok on \d+ ranks/
//# expect-error: /the last rank can still speak/
// Rank 0 closes descriptors 1 and 2 through dup2 and close; the others keep theirs.
#include "../check.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 1) {
        close(2);
        fclose(stdin);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == size - 1 && size > 2)
        fprintf(stderr, "the last rank can still speak\n");
    if (rank == 0 && size == 2)
        fprintf(stderr, "the last rank can still speak\n");
    return FINISH("closed stderr");
}
