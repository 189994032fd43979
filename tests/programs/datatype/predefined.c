//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Sizes and extents of every predefined datatype of C, of pairs, and of the classes that match Fortran sizes.
#include "../check.h"
#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN(type, ctype)                                                                                             \
    do {                                                                                                               \
        int bytes_;                                                                                                    \
        MPI_Aint lower_, extent_, true_lower_, true_extent_;                                                           \
        MPI_Type_size(type, &bytes_);                                                                                  \
        MPI_Type_get_extent(type, &lower_, &extent_);                                                                  \
        MPI_Type_get_true_extent(type, &true_lower_, &true_extent_);                                                   \
        CHECK(bytes_ == (int)sizeof(ctype), "size of %s is %d", #type, bytes_);                                        \
        CHECK(lower_ == 0 && extent_ == (MPI_Aint)sizeof(ctype), "extent of %s is %ld", #type, (long)extent_);         \
        CHECK(true_lower_ == 0 && true_extent_ == (MPI_Aint)sizeof(ctype), "true extent of %s", #type);                \
    } while (0)

#define PAIR(type, ctype)                                                                                              \
    do {                                                                                                               \
        struct pair {                                                                                                  \
            ctype value;                                                                                               \
            int place;                                                                                                 \
        };                                                                                                             \
        int bytes_;                                                                                                    \
        MPI_Aint lower_, extent_;                                                                                      \
        MPI_Type_size(type, &bytes_);                                                                                  \
        MPI_Type_get_extent(type, &lower_, &extent_);                                                                  \
        CHECK(bytes_ == (int)(sizeof(ctype) + sizeof(int)), "size of %s is %d", #type, bytes_);                        \
        CHECK(extent_ == (MPI_Aint)sizeof(struct pair), "extent of %s is %ld", #type, (long)extent_);                  \
    } while (0)

int main(int argc, char **argv)
{
    START(argc, argv);
    PLAIN(MPI_CHAR, char);
    PLAIN(MPI_SIGNED_CHAR, signed char);
    PLAIN(MPI_UNSIGNED_CHAR, unsigned char);
    PLAIN(MPI_SHORT, short);
    PLAIN(MPI_UNSIGNED_SHORT, unsigned short);
    PLAIN(MPI_INT, int);
    PLAIN(MPI_UNSIGNED, unsigned);
    PLAIN(MPI_LONG, long);
    PLAIN(MPI_UNSIGNED_LONG, unsigned long);
    PLAIN(MPI_LONG_LONG, long long);
    PLAIN(MPI_LONG_LONG_INT, long long);
    PLAIN(MPI_UNSIGNED_LONG_LONG, unsigned long long);
    PLAIN(MPI_FLOAT, float);
    PLAIN(MPI_DOUBLE, double);
    PLAIN(MPI_LONG_DOUBLE, long double);
    PLAIN(MPI_WCHAR, wchar_t);
    PLAIN(MPI_C_BOOL, _Bool);
    PLAIN(MPI_INT8_T, int8_t);
    PLAIN(MPI_INT16_T, int16_t);
    PLAIN(MPI_INT32_T, int32_t);
    PLAIN(MPI_INT64_T, int64_t);
    PLAIN(MPI_UINT8_T, uint8_t);
    PLAIN(MPI_UINT16_T, uint16_t);
    PLAIN(MPI_UINT32_T, uint32_t);
    PLAIN(MPI_UINT64_T, uint64_t);
    PLAIN(MPI_AINT, MPI_Aint);
    PLAIN(MPI_OFFSET, MPI_Offset);
    PLAIN(MPI_COUNT, MPI_Count);
    PLAIN(MPI_C_COMPLEX, float complex);
    PLAIN(MPI_C_FLOAT_COMPLEX, float complex);
    PLAIN(MPI_C_DOUBLE_COMPLEX, double complex);
    PLAIN(MPI_C_LONG_DOUBLE_COMPLEX, long double complex);
    PLAIN(MPI_BYTE, char);
    PLAIN(MPI_PACKED, char);
    PAIR(MPI_FLOAT_INT, float);
    PAIR(MPI_DOUBLE_INT, double);
    PAIR(MPI_LONG_INT, long);
    PAIR(MPI_2INT, int);
    PAIR(MPI_SHORT_INT, short);
    PAIR(MPI_LONG_DOUBLE_INT, long double);
    char name[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Type_get_name(MPI_DOUBLE, name, &length);
    CHECK(strcmp(name, "MPI_DOUBLE") == 0 && length == 10, "the name of MPI_DOUBLE is %s", name);
    int integers, addresses, types, combiner;
    MPI_Type_get_envelope(MPI_INT, &integers, &addresses, &types, &combiner);
    CHECK(integers == 0 && addresses == 0 && types == 0 && combiner == MPI_COMBINER_NAMED, "envelope of MPI_INT");
    MPI_Datatype found;
    MPI_Type_match_size(MPI_TYPECLASS_REAL, 8, &found);
    MPI_Type_size(found, &length);
    CHECK_EQ(length, 8);
    MPI_Type_match_size(MPI_TYPECLASS_INTEGER, 4, &found);
    MPI_Type_size(found, &length);
    CHECK_EQ(length, 4);
    return FINISH("predefined datatypes");
}
