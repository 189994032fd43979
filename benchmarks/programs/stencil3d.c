/* A 7-point stencil on a cube dealt out to a grid of ranks, with more ranks than cores (over-decomposition) and, if
 * asked for, work that differs by rank.
 *
 *   stencil RANKS ms       time of one iteration: halo exchange, update, and every tenth time the largest change
 *   arguments: edge of the cube (default 120), iterations (60), imbalance in percent (0)
 */
#include "bench.h"

#define AT(x, y, z) ((((size_t)(x)) * (size_t)(length[1] + 2) + (size_t)(y)) * (size_t)(length[2] + 2) + (size_t)(z))

static double *old, *new;

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int rank, size, edge = argc > 1 ? atoi(argv[1]) : 120, iterations = argc > 2 ? atoi(argv[2]) : 60;
    int imbalance = argc > 3 ? atoi(argv[3]) : 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int dims[3] = {0, 0, 0}, periods[3] = {1, 1, 1}, at[3], length[3];
    MPI_Comm grid;
    MPI_Dims_create(size, 3, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 3, dims, periods, 0, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_get(grid, 3, dims, periods, at);
    for (int d = 0; d < 3; d++)
        length[d] = edge * (at[d] + 1) / dims[d] - edge * at[d] / dims[d];
    size_t cells = AT(length[0] + 1, length[1] + 1, length[2] + 1) + 1;
    old = malloc(cells * sizeof(double));
    new = malloc(cells * sizeof(double));
    for (size_t i = 0; i < cells; i++)
        old[i] = new[i] = (double)((i * 31 + (size_t)rank) % 17);
    MPI_Datatype faces[3];
    int sizes[3] = {length[0] + 2, length[1] + 2, length[2] + 2}, zero[3] = {0, 0, 0}, neighbours[3][2];
    for (int d = 0; d < 3; d++) {
        int part[3] = {length[0], length[1], length[2]};
        part[d] = 1;
        MPI_Type_create_subarray(3, sizes, part, zero, MPI_ORDER_C, MPI_DOUBLE, &faces[d]);
        MPI_Type_commit(&faces[d]);
        MPI_Cart_shift(grid, d, 1, &neighbours[d][0], &neighbours[d][1]);
    }
    int repeats = 1 + (imbalance > 0 && rank * 100 < size * imbalance);
    double values[MOST_BATCHES], largest = 0;
    int batches = 0, batch = iterations / 10 > 0 ? iterations / 10 : 1;
    double begin = now_ns();
    for (int step = 0; step < iterations; step++) {
        MPI_Request requests[12];
        int n = 0;
        for (int d = 0; d < 3; d++)
            for (int side = 0; side < 2; side++) {
                int outer[3] = {1, 1, 1};
                outer[d] = side ? 0 : length[d] + 1; /* what side 1 sends upwards arrives below */
                MPI_Irecv(&old[AT(outer[0], outer[1], outer[2])], 1, faces[d], neighbours[d][!side], d * 2 + side, grid,
                          &requests[n++]);
            }
        for (int d = 0; d < 3; d++)
            for (int side = 0; side < 2; side++) {
                int inner[3] = {1, 1, 1};
                inner[d] = side ? length[d] : 1;
                MPI_Isend(&old[AT(inner[0], inner[1], inner[2])], 1, faces[d], neighbours[d][side], d * 2 + side, grid,
                          &requests[n++]);
            }
        MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
        double change = 0;
        for (int again = 0; again < repeats; again++)
            for (int x = 1; x <= length[0]; x++)
                for (int y = 1; y <= length[1]; y++)
                    for (int z = 1; z <= length[2]; z++) {
                        double value = (old[AT(x, y, z)] + old[AT(x - 1, y, z)] + old[AT(x + 1, y, z)] + old[AT(x, y - 1, z)] +
                                        old[AT(x, y + 1, z)] + old[AT(x, y, z - 1)] + old[AT(x, y, z + 1)]) /
                                       7;
                        double difference = value - old[AT(x, y, z)];
                        change = difference > change ? difference : change;
                        new[AT(x, y, z)] = value;
                    }
        double *swap = old;
        old = new;
        new = swap;
        if ((step + 1) % batch == 0) {
            MPI_Allreduce(&change, &largest, 1, MPI_DOUBLE, MPI_MAX, grid);
            if (batches < MOST_BATCHES)
                values[batches++] = (now_ns() - begin) / batch * 1e-6;
            begin = now_ns();
        }
    }
    if (rank == 0 && batches > 1)
        bench_print("stencil", size, values + 1, batches - 1, "ms");
    for (int d = 0; d < 3; d++)
        MPI_Type_free(&faces[d]);
    free(old);
    free(new);
    MPI_Comm_free(&grid);
    MPI_Finalize();
    return 0;
}
