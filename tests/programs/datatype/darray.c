//# p: 1,2
//# vp: 1,2,4,6
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Distributed arrays: block, cyclic, cyclic(k) and undistributed dimensions; together the parts cover the array once.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { ROWS = 13, COLUMNS = 11 };
    static const int kinds[3] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC, MPI_DISTRIBUTE_CYCLIC};
    int dims[2] = {0, 0};
    MPI_Dims_create(size, 2, dims);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            for (int order = 0; order < 2; order++) {
                int sizes[2] = {ROWS, COLUMNS}, distributions[2] = {kinds[a], kinds[b]};
                int arguments[2] = {a == 2 ? 3 : MPI_DISTRIBUTE_DFLT_DARG, b == 2 ? 2 : MPI_DISTRIBUTE_DFLT_DARG};
                MPI_Datatype type;
                MPI_Type_create_darray(size, rank, 2, sizes, distributions, arguments, dims,
                                       order ? MPI_ORDER_FORTRAN : MPI_ORDER_C, MPI_INT, &type);
                MPI_Type_commit(&type);
                int bytes;
                MPI_Aint lower, extent;
                MPI_Type_size(type, &bytes);
                MPI_Type_get_extent(type, &lower, &extent);
                CHECK(lower == 0 && extent == ROWS * COLUMNS * 4, "extent is %ld", (long)extent);
                int field[ROWS * COLUMNS], mine[ROWS * COLUMNS], position = 0;
                for (int i = 0; i < ROWS * COLUMNS; i++)
                    field[i] = i + 1;
                MPI_Pack(field, 1, type, mine, sizeof mine, &position, MPI_COMM_WORLD);
                CHECK_EQ(position, bytes);
                /* where each element belongs by the definition of the distribution (process grid in row-major order) */
                int coordinates[2] = {rank / dims[1], rank % dims[1]}, k = 0, owned = 0;
                int outer = order ? COLUMNS : ROWS, inner = order ? ROWS : COLUMNS;
                for (int o = 0; o < outer; o++)
                    for (int i = 0; i < inner; i++) {
                        int index[2] = {order ? i : o, order ? o : i}, belongs = 1;
                        for (int d = 0; d < 2; d++) {
                            int kind = d ? b : a, block = (sizes[d] + dims[d] - 1) / dims[d];
                            int owner = kind == 0 ? index[d] / block : kind == 1 ? index[d] % dims[d]
                                                                                 : index[d] / arguments[d] % dims[d];
                            belongs &= owner == coordinates[d];
                        }
                        if (belongs) {
                            int place = order ? index[1] * ROWS + index[0] : index[0] * COLUMNS + index[1];
                            CHECK(mine[k] == place + 1, "element %d of the part is %d instead of %d", k, mine[k], place + 1);
                            k++;
                            owned++;
                        }
                    }
                CHECK_EQ(owned * 4, bytes);
                int total;
                MPI_Allreduce(&owned, &total, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
                CHECK_EQ(total, ROWS * COLUMNS);
                MPI_Type_free(&type);
            }
    /* an undistributed dimension */
    int sizes[2] = {8, 4}, distributions[2] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_NONE};
    int arguments[2] = {MPI_DISTRIBUTE_DFLT_DARG, MPI_DISTRIBUTE_DFLT_DARG}, grid[2] = {size, 1}, bytes;
    MPI_Datatype type;
    MPI_Type_create_darray(size, rank, 2, sizes, distributions, arguments, grid, MPI_ORDER_C, MPI_DOUBLE, &type);
    MPI_Type_size(type, &bytes);
    int block = (8 + size - 1) / size, first = rank * block, rows = first >= 8 ? 0 : first + block > 8 ? 8 - first : block;
    CHECK_EQ(bytes, rows * 4 * 8);
    MPI_Type_free(&type);
    return FINISH("darray");
}
