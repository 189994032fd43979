//# p: 1,2
//# vp: 1,4,9,16
//# isolate: image,none,process
//# compare: mpich
//# expect: /^cannon: \d+ x \d+ grid, product right$/
//# fabric: yes
// Cannon's matrix product on a periodic grid with Sendrecv_replace.
#include "../check.h"

#define B 16 /* block size */

int main(int argc, char **argv)
{
    START(argc, argv);
    int q = 1;
    while ((q + 1) * (q + 1) <= size)
        q++;
    CHECK_EQ(q * q, size);
    int dims[2] = {q, q}, periods[2] = {1, 1}, at[2], source, target;
    MPI_Comm grid;
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 1, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_coords(grid, rank, 2, at);
    double a[B][B], b[B][B], c[B][B];
    for (int i = 0; i < B; i++)
        for (int j = 0; j < B; j++) {
            int row = at[0] * B + i, column = at[1] * B + j;
            a[i][j] = row + 2 * column;
            b[i][j] = row - column;
            c[i][j] = 0;
        }
    MPI_Cart_shift(grid, 1, -at[0], &source, &target);
    MPI_Sendrecv_replace(a, B * B, MPI_DOUBLE, target, 0, source, 0, grid, MPI_STATUS_IGNORE);
    MPI_Cart_shift(grid, 0, -at[1], &source, &target);
    MPI_Sendrecv_replace(b, B * B, MPI_DOUBLE, target, 1, source, 1, grid, MPI_STATUS_IGNORE);
    for (int step = 0; step < q; step++) {
        for (int i = 0; i < B; i++)
            for (int j = 0; j < B; j++)
                for (int k = 0; k < B; k++)
                    c[i][j] += a[i][k] * b[k][j];
        MPI_Cart_shift(grid, 1, -1, &source, &target);
        MPI_Sendrecv_replace(a, B * B, MPI_DOUBLE, target, 2, source, 2, grid, MPI_STATUS_IGNORE);
        MPI_Cart_shift(grid, 0, -1, &source, &target);
        MPI_Sendrecv_replace(b, B * B, MPI_DOUBLE, target, 3, source, 3, grid, MPI_STATUS_IGNORE);
    }
    for (int i = 0; i < B; i++)
        for (int j = 0; j < B; j++) {
            double row = at[0] * B + i, column = at[1] * B + j, wanted = 0;
            for (int k = 0; k < q * B; k++)
                wanted += (row + 2 * k) * (k - column);
            CHECK(c[i][j] == wanted, "element %g %g is %f instead of %f", row, column, c[i][j], wanted);
        }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("cannon: %d x %d grid, product right\n", q, q);
    MPI_Comm_free(&grid);
    MPI_Finalize();
    return 0;
}
