//# p: 1,2
//# vp: 1,2,4,6,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
//# fabric: yes
// Cartesian grids: create, coordinates, shifts with and without wrap-around, sub-grids, map, dims_create, a halo exchange.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int dims[3] = {0, 0, 0}, periods[3] = {1, 0, 1}, got_dims[3], got_periods[3], coordinates[3], n;
    MPI_Dims_create(size, 3, dims);
    CHECK_EQ(dims[0] * dims[1] * dims[2], size);
    CHECK(dims[0] >= dims[1] && dims[1] >= dims[2], "dims %d %d %d are not in order", dims[0], dims[1], dims[2]);
    MPI_Comm grid;
    MPI_Cart_create(MPI_COMM_WORLD, 3, dims, periods, 0, &grid);
    int status, ndims, me;
    MPI_Topo_test(grid, &status);
    CHECK_EQ(status, MPI_CART);
    MPI_Topo_test(MPI_COMM_WORLD, &status);
    CHECK_EQ(status, MPI_UNDEFINED);
    MPI_Cartdim_get(grid, &ndims);
    CHECK_EQ(ndims, 3);
    MPI_Cart_get(grid, 3, got_dims, got_periods, coordinates);
    MPI_Comm_rank(grid, &me);
    CHECK_EQ(me, rank);
    for (int d = 0; d < 3; d++)
        CHECK(got_dims[d] == dims[d] && !!got_periods[d] == periods[d], "dimension %d", d);
    CHECK_EQ((coordinates[0] * dims[1] + coordinates[1]) * dims[2] + coordinates[2], rank); /* row-major */
    for (int r = 0; r < size; r++) {
        int there[3], back;
        MPI_Cart_coords(grid, r, 3, there);
        MPI_Cart_rank(grid, there, &back);
        CHECK_EQ(back, r);
        there[0] += 3 * dims[0]; /* outside of a periodic dimension */
        MPI_Cart_rank(grid, there, &back);
        CHECK_EQ(back, r);
    }
    for (int d = 0; d < 3; d++)
        for (int step = -2; step <= 2; step++) {
            int source, target, want_source, want_target, there[3];
            MPI_Cart_shift(grid, d, step, &source, &target);
            for (int way = 0; way < 2; way++) {
                memcpy(there, coordinates, sizeof there);
                there[d] += way ? step : -step;
                int inside = periods[d] || (there[d] >= 0 && there[d] < dims[d]);
                there[d] = (there[d] % dims[d] + dims[d]) % dims[d];
                int r = (there[0] * dims[1] + there[1]) * dims[2] + there[2];
                *(way ? &want_target : &want_source) = inside ? r : MPI_PROC_NULL;
            }
            CHECK(source == want_source && target == want_target, "shift %d by %d: %d %d instead of %d %d", d, step, source,
                  target, want_source, want_target);
        }
    /* halo exchange */
    for (int d = 0; d < 3; d++) {
        int source, target, value = -5;
        MPI_Cart_shift(grid, d, 1, &source, &target);
        MPI_Sendrecv(&rank, 1, MPI_INT, target, d, &value, 1, MPI_INT, source, d, grid, MPI_STATUS_IGNORE);
        CHECK_EQ(value, source == MPI_PROC_NULL ? -5 : source);
    }
    /* planes and lines */
    int keep[3] = {1, 0, 1};
    MPI_Comm plane;
    MPI_Cart_sub(grid, keep, &plane);
    MPI_Comm_size(plane, &n);
    CHECK_EQ(n, dims[0] * dims[2]);
    int plane_coordinates[2], plane_dims[2], plane_periods[2], sum;
    MPI_Cart_get(plane, 2, plane_dims, plane_periods, plane_coordinates);
    CHECK(plane_dims[0] == dims[0] && plane_dims[1] == dims[2], "dims of the plane");
    CHECK(plane_coordinates[0] == coordinates[0] && plane_coordinates[1] == coordinates[2], "coordinates in the plane");
    MPI_Allreduce(&coordinates[1], &sum, 1, MPI_INT, MPI_SUM, plane);
    CHECK_EQ(sum, n * coordinates[1]);
    MPI_Comm_free(&plane);
    int none[3] = {0, 0, 0};
    MPI_Cart_sub(grid, none, &plane);
    if (plane != MPI_COMM_NULL) { /* implementations differ in who gets a grid of no dimension */
        MPI_Comm_size(plane, &n);
        CHECK_EQ(n, 1);
        MPI_Comm_free(&plane);
    }
    MPI_Comm copy;
    MPI_Comm_dup(grid, &copy); /* keeps the topology */
    MPI_Topo_test(copy, &status);
    CHECK_EQ(status, MPI_CART);
    MPI_Comm_free(&copy);
    MPI_Comm_free(&grid);

    /* smaller than the world, and of no dimension */
    int small[1] = {size > 1 ? size - 1 : 1}, not_periodic[1] = {0};
    MPI_Cart_create(MPI_COMM_WORLD, 1, small, not_periodic, 0, &grid);
    CHECK((grid == MPI_COMM_NULL) == (rank >= small[0]), "membership in a smaller grid");
    if (grid != MPI_COMM_NULL)
        MPI_Comm_free(&grid);
    int place;
    MPI_Cart_map(MPI_COMM_WORLD, 1, small, not_periodic, &place);
    CHECK(place == MPI_UNDEFINED || (place >= 0 && place < small[0]), "MPI_Cart_map gives %d", place);
    return FINISH("cartesian");
}
