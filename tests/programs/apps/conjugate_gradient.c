//# p: 1,2
//# vp: 1,4,8,32
//# flags: -lm
//# compare: mpich
//# expect: /^conjugate gradient: converged on \d+ ranks$/
// Conjugate gradient for a 2-D Laplace problem with rows dealt out to ranks; the solution is known.
#include "../check.h"
#include <math.h>

#define N 48
static int rank, size, first, rows;

/* y = A x for the five-point stencil; x has a halo row above and below */
static void multiply(double (*x)[N], double (*y)[N])
{
    int up = rank > 0 ? rank - 1 : MPI_PROC_NULL, down = rank < size - 1 ? rank + 1 : MPI_PROC_NULL;
    memset(x[0], 0, sizeof x[0]);
    memset(x[rows + 1], 0, sizeof x[0]);
    MPI_Sendrecv(x[1], N, MPI_DOUBLE, up, 0, x[rows + 1], N, MPI_DOUBLE, down, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(x[rows], N, MPI_DOUBLE, down, 1, x[0], N, MPI_DOUBLE, up, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 1; i <= rows; i++)
        for (int j = 0; j < N; j++)
            y[i][j] = 4 * x[i][j] - x[i - 1][j] - x[i + 1][j] - (j > 0 ? x[i][j - 1] : 0) - (j < N - 1 ? x[i][j + 1] : 0);
}

static double dot(double (*a)[N], double (*b)[N])
{
    double mine = 0, all;
    for (int i = 1; i <= rows; i++)
        for (int j = 0; j < N; j++)
            mine += a[i][j] * b[i][j];
    MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    return all;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    first = N * rank / size;
    rows = N * (rank + 1) / size - first;
    size_t bytes = sizeof(double) * N * (size_t)(rows + 2);
    double(*x)[N] = calloc(1, bytes), (*b)[N] = calloc(1, bytes), (*r)[N] = calloc(1, bytes), (*p)[N] = calloc(1, bytes);
    double(*q)[N] = calloc(1, bytes), (*truth)[N] = calloc(1, bytes);
    for (int i = 1; i <= rows; i++)
        for (int j = 0; j < N; j++)
            truth[i][j] = sin((first + i) * 0.3) * cos(j * 0.2);
    multiply(truth, b);
    memcpy(r, b, bytes);
    memcpy(p, b, bytes);
    double rho = dot(r, r), begin = rho;
    int steps = 0;
    while (rho > 1e-20 * begin && steps < 1000) {
        multiply(p, q);
        double alpha = rho / dot(p, q);
        for (int i = 1; i <= rows; i++)
            for (int j = 0; j < N; j++) {
                x[i][j] += alpha * p[i][j];
                r[i][j] -= alpha * q[i][j];
            }
        double now = dot(r, r), beta = now / rho;
        for (int i = 1; i <= rows; i++)
            for (int j = 0; j < N; j++)
                p[i][j] = r[i][j] + beta * p[i][j];
        rho = now;
        steps++;
    }
    CHECK(steps < 1000, "no convergence");
    double worst = 0, all;
    for (int i = 1; i <= rows; i++)
        for (int j = 0; j < N; j++)
            worst = fmax(worst, fabs(x[i][j] - truth[i][j]));
    MPI_Reduce(&worst, &all, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        CHECK(all < 1e-7, "error %g", all);
        printf("conjugate gradient: converged on %d ranks\n", size);
    }
    free(x);
    free(b);
    free(r);
    free(p);
    free(q);
    free(truth);
    MPI_Finalize();
    return 0;
}
