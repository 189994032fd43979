//# p: 1,2
//# vp: 1,2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Every predefined operation on every predefined datatype that the standard allows for it.
#include "../check.h"
#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

/* The reduction of three elements per rank, compared with the same done here in rank order. */
#define TRY(ctype, type, op, init, combine)                                                                            \
    do {                                                                                                               \
        ctype mine[3], result[3], wanted[3];                                                                           \
        for (int i = 0; i < 3; i++)                                                                                    \
            mine[i] = VALUE(ctype, rank, i);                                                                           \
        MPI_Allreduce(mine, result, 3, type, op, MPI_COMM_WORLD);                                                      \
        for (int i = 0; i < 3; i++) {                                                                                  \
            wanted[i] = VALUE(ctype, 0, i);                                                                            \
            (void)(init);                                                                                              \
            for (int r = 1; r < size; r++) {                                                                           \
                ctype a = wanted[i], b = VALUE(ctype, r, i);                                                           \
                wanted[i] = (ctype)(combine);                                                                          \
            }                                                                                                          \
            CHECK(result[i] == wanted[i], "%s of %s, element %d", #op, #type, i);                                      \
        }                                                                                                              \
    } while (0)
#define VALUE(ctype, r, i) ((ctype)(((r) * 3 + (i) * 5 + 1) % 4))

#define ARITHMETIC(ctype, type)                                                                                        \
    TRY(ctype, type, MPI_SUM, 0, a + b);                                                                               \
    TRY(ctype, type, MPI_PROD, 0, a *b);                                                                               \
    TRY(ctype, type, MPI_MAX, 0, a > b ? a : b);                                                                       \
    TRY(ctype, type, MPI_MIN, 0, a < b ? a : b)
#define LOGICAL(ctype, type)                                                                                           \
    TRY(ctype, type, MPI_LAND, 0, a &&b);                                                                              \
    TRY(ctype, type, MPI_LOR, 0, a || b);                                                                              \
    TRY(ctype, type, MPI_LXOR, 0, !a != !b)
#define BITWISE(ctype, type)                                                                                           \
    TRY(ctype, type, MPI_BAND, 0, a &b);                                                                               \
    TRY(ctype, type, MPI_BOR, 0, a | b);                                                                               \
    TRY(ctype, type, MPI_BXOR, 0, a ^ b)
#define INTEGER(ctype, type)                                                                                           \
    ARITHMETIC(ctype, type);                                                                                           \
    LOGICAL(ctype, type);                                                                                              \
    BITWISE(ctype, type)
#define COMPLEX(ctype, type)                                                                                           \
    TRY(ctype, type, MPI_SUM, 0, a + b);                                                                               \
    TRY(ctype, type, MPI_PROD, 0, a *b)

#define LOCATION(ctype, type)                                                                                          \
    do {                                                                                                               \
        struct {                                                                                                       \
            ctype value;                                                                                               \
            int place;                                                                                                 \
        } mine[4], most[4], least[4];                                                                                  \
        memset(mine, 0, sizeof mine);                                                                                  \
        for (int i = 0; i < 4; i++) {                                                                                  \
            mine[i].value = (ctype)((rank * 7 + i) % 5);                                                               \
            mine[i].place = 100 + rank;                                                                                \
        }                                                                                                              \
        MPI_Allreduce(mine, most, 4, type, MPI_MAXLOC, MPI_COMM_WORLD);                                                \
        MPI_Allreduce(mine, least, 4, type, MPI_MINLOC, MPI_COMM_WORLD);                                               \
        for (int i = 0; i < 4; i++) {                                                                                  \
            int best = 0, worst = 0;                                                                                   \
            for (int r = 1; r < size; r++) {                                                                           \
                if ((r * 7 + i) % 5 > (best * 7 + i) % 5)                                                              \
                    best = r;                                                                                          \
                if ((r * 7 + i) % 5 < (worst * 7 + i) % 5)                                                             \
                    worst = r;                                                                                         \
            }                                                                                                          \
            CHECK(most[i].value == (ctype)((best * 7 + i) % 5) && most[i].place == 100 + best,                         \
                  "MPI_MAXLOC of %s says %d", #type, most[i].place);                                                   \
            CHECK(least[i].value == (ctype)((worst * 7 + i) % 5) && least[i].place == 100 + worst,                     \
                  "MPI_MINLOC of %s says %d", #type, least[i].place);                                                  \
        }                                                                                                              \
    } while (0)

int main(int argc, char **argv)
{
    START(argc, argv);
    INTEGER(signed char, MPI_SIGNED_CHAR);
    INTEGER(unsigned char, MPI_UNSIGNED_CHAR);
    INTEGER(short, MPI_SHORT);
    INTEGER(unsigned short, MPI_UNSIGNED_SHORT);
    INTEGER(int, MPI_INT);
    INTEGER(unsigned, MPI_UNSIGNED);
    INTEGER(long, MPI_LONG);
    INTEGER(unsigned long, MPI_UNSIGNED_LONG);
    INTEGER(long long, MPI_LONG_LONG);
    INTEGER(unsigned long long, MPI_UNSIGNED_LONG_LONG);
    INTEGER(int8_t, MPI_INT8_T);
    INTEGER(int16_t, MPI_INT16_T);
    INTEGER(int32_t, MPI_INT32_T);
    INTEGER(int64_t, MPI_INT64_T);
    INTEGER(uint8_t, MPI_UINT8_T);
    INTEGER(uint16_t, MPI_UINT16_T);
    INTEGER(uint32_t, MPI_UINT32_T);
    INTEGER(uint64_t, MPI_UINT64_T);
    ARITHMETIC(MPI_Aint, MPI_AINT);
    ARITHMETIC(MPI_Offset, MPI_OFFSET);
    ARITHMETIC(MPI_Count, MPI_COUNT);
    ARITHMETIC(float, MPI_FLOAT);
    ARITHMETIC(double, MPI_DOUBLE);
    ARITHMETIC(long double, MPI_LONG_DOUBLE);
    BITWISE(unsigned char, MPI_BYTE);
    LOGICAL(_Bool, MPI_C_BOOL);
    COMPLEX(float complex, MPI_C_FLOAT_COMPLEX);
    COMPLEX(double complex, MPI_C_DOUBLE_COMPLEX);
    COMPLEX(long double complex, MPI_C_LONG_DOUBLE_COMPLEX);
    LOCATION(float, MPI_FLOAT_INT);
    LOCATION(double, MPI_DOUBLE_INT);
    LOCATION(long, MPI_LONG_INT);
    LOCATION(int, MPI_2INT);
    LOCATION(short, MPI_SHORT_INT);
    LOCATION(long double, MPI_LONG_DOUBLE_INT);

    /* reduce_local, and replace and no_op there */
    int in[2] = {1, 2}, inout[2] = {10, 20};
    MPI_Reduce_local(in, inout, 2, MPI_INT, MPI_SUM);
    CHECK(inout[0] == 11 && inout[1] == 22, "MPI_Reduce_local gives %d %d", inout[0], inout[1]);
    int commutative;
    MPI_Op_commutative(MPI_SUM, &commutative);
    CHECK(commutative, "MPI_SUM is not commutative");
    return FINISH("operations");
}
