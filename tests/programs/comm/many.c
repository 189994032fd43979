//# p: 1,2
//# vp: 1,2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Thousands of communicators are created and freed; hundreds are alive at once.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int rounds = size > 2 ? 100 : 1500;
    for (int i = 0; i < rounds; i++) {
        MPI_Comm comm;
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        MPI_Comm_free(&comm);
    }
    enum { N = 200 };
    MPI_Comm alive[N];
    for (int i = 0; i < N; i++)
        MPI_Comm_dup(i ? alive[i / 2] : MPI_COMM_WORLD, &alive[i]);
    for (int i = 0; i < N; i++) {
        int out = rank * N + i, in = -1, left = (rank + size - 1) % size;
        MPI_Sendrecv(&out, 1, MPI_INT, (rank + 1) % size, 0, &in, 1, MPI_INT, left, 0, alive[(i * 7) % N], MPI_STATUS_IGNORE);
        CHECK_EQ(in, left * N + i);
    }
    for (int i = 0; i < N; i++)
        MPI_Comm_free(&alive[(i * 3) % N]);
    return FINISH("many communicators");
}
