//# p: 1,2
//# vp: 2,8,64
//# compare: mpich
//# expect: /^pipeline: \d+ primes below 2000$/
// A prime sieve as a pipeline: each rank keeps the first numbers it sees and hands on what they do not divide.
#include "../check.h"

enum { KEEP = 400 };
static int kept[KEEP], count;

int main(int argc, char **argv)
{
    START(argc, argv);
    int each = 303 / (size - 1 ? size - 1 : 1) + 1, number, total;
    if (rank == 0) {
        for (int n = 2; n < 2000; n++)
            MPI_Send(&n, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
        number = 0;
        MPI_Send(&number, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
    } else {
        for (;;) {
            MPI_Recv(&number, 1, MPI_INT, rank - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            int divided = 0;
            for (int i = 0; i < count && number; i++)
                divided |= number % kept[i] == 0;
            if (number && !divided && count < each)
                kept[count++] = number;
            else if ((number == 0 || !divided) && rank + 1 < size)
                MPI_Send(&number, 1, MPI_INT, rank + 1, 0, MPI_COMM_WORLD);
            if (number == 0)
                break;
        }
    }
    MPI_Reduce(&count, &total, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        CHECK_EQ(total, 303);
        printf("pipeline: %d primes below 2000\n", total);
    }
    MPI_Finalize();
    return 0;
}
