//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Envelope and contents of every constructor give back what it was made from; names; freeing the parts early.
#include "../check.h"

static void shape(MPI_Datatype type, int integers, int addresses, int types, int combiner)
{
    int i, a, t, c;
    MPI_Type_get_envelope(type, &i, &a, &t, &c);
    CHECK(i == integers && a == addresses && t == types && c == combiner, "envelope %d %d %d %d instead of %d %d %d %d", i, a, t, c,
          integers, addresses, types, combiner);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int i[20];
    MPI_Aint a[10];
    MPI_Datatype t[5], type, inner;

    MPI_Type_contiguous(4, MPI_DOUBLE, &type);
    shape(type, 1, 0, 1, MPI_COMBINER_CONTIGUOUS);
    MPI_Type_get_contents(type, 1, 0, 1, i, a, t);
    CHECK(i[0] == 4 && t[0] == MPI_DOUBLE, "contents of contiguous");
    MPI_Type_free(&type);

    MPI_Type_vector(3, 2, 5, MPI_INT, &type);
    shape(type, 3, 0, 1, MPI_COMBINER_VECTOR);
    MPI_Type_get_contents(type, 3, 0, 1, i, a, t);
    CHECK(i[0] == 3 && i[1] == 2 && i[2] == 5 && t[0] == MPI_INT, "contents of vector");
    MPI_Type_free(&type);

    MPI_Type_create_hvector(3, 2, 77, MPI_INT, &type);
    shape(type, 2, 1, 1, MPI_COMBINER_HVECTOR);
    MPI_Type_get_contents(type, 2, 1, 1, i, a, t);
    CHECK(i[0] == 3 && i[1] == 2 && a[0] == 77, "contents of hvector");
    MPI_Type_free(&type);

    int lengths[3] = {1, 2, 3}, places[3] = {10, 20, 30};
    MPI_Aint far[3] = {100, 200, 300};
    MPI_Type_indexed(3, lengths, places, MPI_FLOAT, &type);
    shape(type, 7, 0, 1, MPI_COMBINER_INDEXED);
    MPI_Type_get_contents(type, 7, 0, 1, i, a, t);
    CHECK(i[0] == 3 && i[1] == 1 && i[3] == 3 && i[4] == 10 && i[6] == 30 && t[0] == MPI_FLOAT, "contents of indexed");
    MPI_Type_free(&type);

    MPI_Type_create_hindexed(3, lengths, far, MPI_FLOAT, &type);
    shape(type, 4, 3, 1, MPI_COMBINER_HINDEXED);
    MPI_Type_get_contents(type, 4, 3, 1, i, a, t);
    CHECK(i[0] == 3 && i[3] == 3 && a[2] == 300, "contents of hindexed");
    MPI_Type_free(&type);

    MPI_Type_create_indexed_block(3, 4, places, MPI_FLOAT, &type);
    shape(type, 5, 0, 1, MPI_COMBINER_INDEXED_BLOCK);
    MPI_Type_get_contents(type, 5, 0, 1, i, a, t);
    CHECK(i[0] == 3 && i[1] == 4 && i[4] == 30, "contents of indexed_block");
    MPI_Type_free(&type);

    MPI_Type_create_hindexed_block(3, 4, far, MPI_FLOAT, &type);
    shape(type, 2, 3, 1, MPI_COMBINER_HINDEXED_BLOCK);
    MPI_Type_get_contents(type, 2, 3, 1, i, a, t);
    CHECK(i[0] == 3 && i[1] == 4 && a[1] == 200, "contents of hindexed_block");
    MPI_Type_free(&type);

    MPI_Type_contiguous(2, MPI_INT, &inner);
    MPI_Datatype members[3] = {MPI_INT, inner, MPI_CHAR};
    MPI_Type_create_struct(3, lengths, far, members, &type);
    MPI_Type_free(&inner); /* the struct keeps what it needs */
    shape(type, 4, 3, 3, MPI_COMBINER_STRUCT);
    MPI_Type_get_contents(type, 4, 3, 3, i, a, t);
    CHECK(i[0] == 3 && i[2] == 2 && a[0] == 100 && t[0] == MPI_INT && t[2] == MPI_CHAR, "contents of struct");
    shape(t[1], 1, 0, 1, MPI_COMBINER_CONTIGUOUS);
    int bytes;
    MPI_Type_size(t[1], &bytes);
    CHECK_EQ(bytes, 8);
    MPI_Type_free(&t[1]); /* derived types in the contents are the caller's to free */
    MPI_Type_size(type, &bytes);
    CHECK_EQ(bytes, 4 + 16 + 3);
    MPI_Type_free(&type);

    int sizes[2] = {6, 7}, parts[2] = {2, 3}, starts[2] = {1, 4};
    MPI_Type_create_subarray(2, sizes, parts, starts, MPI_ORDER_FORTRAN, MPI_INT, &type);
    shape(type, 8, 0, 1, MPI_COMBINER_SUBARRAY);
    MPI_Type_get_contents(type, 8, 0, 1, i, a, t);
    CHECK(i[0] == 2 && i[1] == 6 && i[2] == 7 && i[3] == 2 && i[6] == 4 && i[7] == MPI_ORDER_FORTRAN, "contents of subarray");
    MPI_Type_free(&type);

    int kinds[2] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC}, arguments[2] = {MPI_DISTRIBUTE_DFLT_DARG, 2}, grid[2] = {1, 1};
    MPI_Type_create_darray(1, 0, 2, sizes, kinds, arguments, grid, MPI_ORDER_C, MPI_INT, &type);
    shape(type, 12, 0, 1, MPI_COMBINER_DARRAY);
    MPI_Type_get_contents(type, 12, 0, 1, i, a, t);
    CHECK(i[0] == 1 && i[1] == 0 && i[2] == 2 && i[3] == 6 && i[5] == MPI_DISTRIBUTE_BLOCK && i[8] == 2 && i[11] == MPI_ORDER_C,
          "contents of darray");
    MPI_Type_free(&type);

    MPI_Type_create_resized(MPI_INT, -8, 32, &type);
    shape(type, 0, 2, 1, MPI_COMBINER_RESIZED);
    MPI_Type_get_contents(type, 0, 2, 1, i, a, t);
    CHECK(a[0] == -8 && a[1] == 32 && t[0] == MPI_INT, "contents of resized");
    MPI_Type_dup(type, &inner);
    shape(inner, 0, 0, 1, MPI_COMBINER_DUP);
    MPI_Type_free(&type);
    MPI_Type_get_contents(inner, 0, 0, 1, i, a, t);
    shape(t[0], 0, 2, 1, MPI_COMBINER_RESIZED);
    MPI_Type_free(&t[0]);
    MPI_Type_free(&inner);
    CHECK(inner == MPI_DATATYPE_NULL, "MPI_Type_free leaves the handle");

    char name[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Type_contiguous(3, MPI_INT, &type);
    MPI_Type_get_name(type, name, &length);
    CHECK(length == 0 && name[0] == 0, "a new type has the name %s", name);
    MPI_Type_set_name(type, "triple");
    MPI_Type_get_name(type, name, &length);
    CHECK(length == 6 && strcmp(name, "triple") == 0, "the name is %s", name);
    MPI_Type_free(&type);
    return FINISH("envelope and contents");
}
