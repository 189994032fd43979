//# p: 1,2
//# vp: 2,4,16
//# compare: mpich
//# expect: queens: 92 352 724 solutions for 8, 9, 10
// N queens with a master that hands out beginnings to whoever asks (MPI_ANY_SOURCE), and workers that answer.
#include "../check.h"

enum { WORK = 1, STOP = 2, ASK = 3 };
static int n, solutions; /* a worker's globals */

static void place(int row, unsigned columns, unsigned left, unsigned right)
{
    if (row == n) {
        solutions++;
        return;
    }
    for (int c = 0; c < n; c++) {
        unsigned bit = 1u << c;
        if (!((columns | left | right) & bit))
            place(row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
}

static int master(int size, int queens)
{
    int total = 0, running = size - 1, next = 0;
    while (running > 0) {
        int found, task[3];
        MPI_Status status;
        MPI_Recv(&found, 1, MPI_INT, MPI_ANY_SOURCE, ASK, MPI_COMM_WORLD, &status);
        total += found;
        if (next < queens * queens) {
            task[0] = queens;
            task[1] = next / queens;
            task[2] = next % queens;
            next++;
            MPI_Send(task, 3, MPI_INT, status.MPI_SOURCE, WORK, MPI_COMM_WORLD);
        } else {
            MPI_Send(task, 0, MPI_INT, status.MPI_SOURCE, STOP, MPI_COMM_WORLD);
            running--;
        }
    }
    return total;
}

static void worker(void)
{
    int found = 0;
    for (;;) {
        int task[3];
        MPI_Status status;
        MPI_Send(&found, 1, MPI_INT, 0, ASK, MPI_COMM_WORLD);
        MPI_Recv(task, 3, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == STOP)
            return;
        n = task[0];
        solutions = 0;
        unsigned a = 1u << task[1], b = 1u << task[2];
        if (!((a | a << 1 | a >> 1) & b))
            place(2, a | b, (a << 1 | b) << 1, (a >> 1 | b) >> 1);
        found = solutions;
    }
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int totals[3] = {0, 0, 0};
    for (int k = 0; k < 3; k++) {
        if (rank == 0)
            totals[k] = master(size, 8 + k);
        else
            worker();
        MPI_Barrier(MPI_COMM_WORLD); /* or a fast worker asks for the next board while the master deals out this one */
    }
    if (rank == 0)
        printf("queens: %d %d %d solutions for 8, 9, 10\n", totals[0], totals[1], totals[2]);
    MPI_Finalize();
    return 0;
}
