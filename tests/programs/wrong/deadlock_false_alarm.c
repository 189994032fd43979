//# p: 1,2
//# vp: 2,4
//# expect: /ok on \d+ ranks/
//# expect-not: /[Dd]eadlock/
//# timeout: 30
// No deadlock: all ranks wait for one that sleeps, reads a pipe or waits for a child for two seconds.
#define _GNU_SOURCE
#include "../check.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 0)
        sleep(2);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 1)
        CHECK(system("sleep 2") == 0, "system");
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        FILE *slow = popen("sleep 2; echo 7", "r");
        int value = 0;
        CHECK(fscanf(slow, "%d", &value) == 1 && value == 7, "popen gave %d", value);
        pclose(slow);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return FINISH("no false alarm");
}
