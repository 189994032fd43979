//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /^heat 3-D: \d+ ranks agree with one$/
//# fabric: yes
// A 3-D heat equation with a halo exchange on a grid of ranks (over-decomposed when ranks outnumber cores), in global
// arrays as old codes have them, compared bit for bit with the same computed serially by every rank.
#include "../check.h"

#define N 24
#define STEPS 12
#define MOST (N + 2)

static double field[MOST][MOST][MOST], next[MOST][MOST][MOST];
static double serial[2][MOST][MOST][MOST];

static double start_value(int x, int y, int z)
{
    return (x * 7 + y * 13 + z * 29) % 31 * 0.125;
}

static double step_cell(const double (*f)[MOST][MOST], int x, int y, int z)
{
    return f[x][y][z] + 0.1 * (f[x - 1][y][z] + f[x + 1][y][z] + f[x][y - 1][z] + f[x][y + 1][z] + f[x][y][z - 1] +
                               f[x][y][z + 1] - 6 * f[x][y][z]);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int dims[3] = {0, 0, 0}, periods[3] = {0, 0, 0}, at[3], low[3], length[3];
    MPI_Dims_create(size, 3, dims);
    MPI_Comm grid;
    MPI_Cart_create(MPI_COMM_WORLD, 3, dims, periods, 1, &grid);
    MPI_Cart_get(grid, 3, dims, periods, at);
    for (int d = 0; d < 3; d++) {
        low[d] = N * at[d] / dims[d];
        length[d] = N * (at[d] + 1) / dims[d] - low[d];
    }
    for (int x = 1; x <= length[0]; x++)
        for (int y = 1; y <= length[1]; y++)
            for (int z = 1; z <= length[2]; z++)
                field[x][y][z] = start_value(low[0] + x, low[1] + y, low[2] + z);
    MPI_Datatype faces[3];
    int sizes[3] = {MOST, MOST, MOST}, zero[3] = {0, 0, 0};
    for (int d = 0; d < 3; d++) {
        int part[3] = {length[0], length[1], length[2]};
        part[d] = 1;
        MPI_Type_create_subarray(3, sizes, part, zero, MPI_ORDER_C, MPI_DOUBLE, &faces[d]);
        MPI_Type_commit(&faces[d]);
    }
    for (int step = 0; step < STEPS; step++) {
        MPI_Request requests[12];
        int n = 0;
        for (int d = 0; d < 3; d++)
            for (int side = 0; side < 2; side++) {
                int source, target, inner[3] = {1, 1, 1}, outer[3] = {1, 1, 1};
                MPI_Cart_shift(grid, d, side ? 1 : -1, &source, &target);
                inner[d] = side ? length[d] : 1;
                outer[d] = side ? 0 : length[d] + 1;
                MPI_Irecv(&field[outer[0]][outer[1]][outer[2]], 1, faces[d], source, d * 2 + side, grid, &requests[n++]);
                MPI_Isend(&field[inner[0]][inner[1]][inner[2]], 1, faces[d], target, d * 2 + side, grid, &requests[n++]);
            }
        MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
        for (int x = 1; x <= length[0]; x++)
            for (int y = 1; y <= length[1]; y++)
                for (int z = 1; z <= length[2]; z++)
                    next[x][y][z] = step_cell(field, x, y, z);
        memcpy(field, next, sizeof field);
    }
    /* the same on one rank */
    for (int x = 1; x <= N; x++)
        for (int y = 1; y <= N; y++)
            for (int z = 1; z <= N; z++)
                serial[0][x][y][z] = start_value(x, y, z);
    for (int step = 0; step < STEPS; step++)
        for (int x = 1; x <= N; x++)
            for (int y = 1; y <= N; y++)
                for (int z = 1; z <= N; z++)
                    serial[(step + 1) % 2][x][y][z] = step_cell(serial[step % 2], x, y, z);
    for (int x = 1; x <= length[0]; x++)
        for (int y = 1; y <= length[1]; y++)
            for (int z = 1; z <= length[2]; z++)
                CHECK(field[x][y][z] == serial[STEPS % 2][low[0] + x][low[1] + y][low[2] + z], "cell %d %d %d", low[0] + x,
                      low[1] + y, low[2] + z);
    for (int d = 0; d < 3; d++)
        MPI_Type_free(&faces[d]);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("heat 3-D: %d ranks agree with one\n", size);
    MPI_Finalize();
    return 0;
}
