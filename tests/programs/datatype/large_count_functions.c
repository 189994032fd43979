//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// The _c functions of the chapter: constructors, extents, packing, envelopes with MPI_Count.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Datatype type, other;
    MPI_Count bytes, lower, extent, lengths[2] = {2, 1}, places[2] = {0, 5}, far[2] = {0, 40};
    MPI_Count integers, addresses, counts, types;
    int combiner;

    MPI_Type_contiguous_c(3, MPI_INT, &type);
    MPI_Type_size_c(type, &bytes);
    CHECK_EQ(bytes, 12);
    MPI_Type_free(&type);
    MPI_Type_vector_c(3, 1, 4, MPI_INT, &type);
    MPI_Type_get_extent_c(type, &lower, &extent);
    CHECK(lower == 0 && extent == 36, "extent %lld", (long long)extent);
    MPI_Type_get_true_extent_c(type, &lower, &extent);
    CHECK(lower == 0 && extent == 36, "true extent %lld", (long long)extent);
    MPI_Type_get_envelope_c(type, &integers, &addresses, &counts, &types, &combiner);
    CHECK(combiner == MPI_COMBINER_VECTOR && integers == 0 && addresses == 0 && counts == 3 && types == 1,
          "envelope %d: %lld %lld %lld %lld", combiner, (long long)integers, (long long)addresses, (long long)counts,
          (long long)types);
    MPI_Count c[3];
    int i[1];
    MPI_Aint a[1];
    MPI_Datatype t[1];
    MPI_Type_get_contents_c(type, 0, 0, 3, 1, i, a, c, t);
    CHECK(c[0] == 3 && c[1] == 1 && c[2] == 4 && t[0] == MPI_INT, "contents");
    MPI_Type_free(&type);
    MPI_Type_create_hvector_c(2, 1, 16, MPI_INT, &type);
    MPI_Type_size_c(type, &bytes);
    CHECK_EQ(bytes, 8);
    MPI_Type_free(&type);
    MPI_Type_indexed_c(2, lengths, places, MPI_INT, &type);
    MPI_Type_commit(&type);
    int data[6] = {rank, 1, 2, 3, 4, 5}, packed[3];
    MPI_Count position = 0, room;
    MPI_Pack_size_c(1, type, MPI_COMM_WORLD, &room);
    CHECK(room >= 12, "pack size %lld", (long long)room);
    MPI_Pack_c(data, 1, type, packed, sizeof packed, &position, MPI_COMM_WORLD);
    CHECK(position == 12 && packed[0] == rank && packed[1] == 1 && packed[2] == 5, "MPI_Pack_c");
    position = 0;
    data[5] = 0;
    MPI_Unpack_c(packed, sizeof packed, &position, data, 1, type, MPI_COMM_WORLD);
    CHECK_EQ(data[5], 5);
    MPI_Type_free(&type);
    MPI_Type_create_hindexed_c(2, lengths, far, MPI_INT, &type);
    MPI_Type_get_extent_c(type, &lower, &extent);
    CHECK_EQ(extent, 44);
    MPI_Type_free(&type);
    MPI_Type_create_indexed_block_c(2, 1, places, MPI_INT, &type);
    MPI_Type_free(&type);
    MPI_Type_create_hindexed_block_c(2, 1, far, MPI_INT, &type);
    MPI_Type_free(&type);
    MPI_Datatype members[2] = {MPI_INT, MPI_DOUBLE};
    MPI_Type_create_struct_c(2, lengths, far, members, &type);
    MPI_Type_size_c(type, &bytes);
    CHECK_EQ(bytes, 16);
    MPI_Type_create_resized_c(type, 0, 64, &other);
    MPI_Type_get_extent_c(other, &lower, &extent);
    CHECK_EQ(extent, 64);
    MPI_Type_free(&type);
    MPI_Type_free(&other);
    MPI_Count sizes[2] = {4, 4}, parts[2] = {2, 2}, starts[2] = {1, 1};
    MPI_Type_create_subarray_c(2, sizes, parts, starts, MPI_ORDER_C, MPI_INT, &type);
    MPI_Type_size_c(type, &bytes);
    CHECK_EQ(bytes, 16);
    MPI_Type_free(&type);
    /* a type larger than 2 GiB: its size does not fit into an int */
    MPI_Type_contiguous_c(3LL << 30, MPI_DOUBLE, &type);
    MPI_Type_size_c(type, &bytes);
    CHECK_EQ(bytes, 24LL << 30);
    int small;
    MPI_Type_size(type, &small);
    CHECK_EQ(small, MPI_UNDEFINED);
    MPI_Type_size_x(type, &bytes);
    CHECK_EQ(bytes, 24LL << 30);
    MPI_Type_free(&type);
    return FINISH("large count datatypes");
}
