/* Reduction kernels for C's long double and for IEEE binary128, which Rust has no types for (MPI-5.0 §6.9.2), and the
 * conversion between the two for external32 (§14.5.2).
 *
 * Every kernel computes inout[i] = in[i] op inout[i]. Elements are read and written through memcpy, as buffers inside
 * messages need not be aligned to 16 bytes. */
#include <stddef.h>
#include <string.h>

typedef long double ld;
typedef _Complex long double ldc;
#if defined(__x86_64__) || defined(__i386__)
typedef __float128 quad;
typedef _Complex float __attribute__((mode(TC))) quadc;
#else
typedef long double quad;
typedef _Complex long double quadc;
#endif

struct ld_int {
    ld value;
    int index;
};

/* Of the 16 bytes of an 80-bit number 10 carry data. Only those are written: the padding of the program's memory stays
 * as it was, so that equal results are equal bytes. */
#if __LDBL_MANT_DIG__ == 64
enum { LD_DATA = 10 };
#else
enum { LD_DATA = sizeof(ld) };
#endif

static void store_ld(unsigned char *to, const ld *x) { memcpy(to, x, LD_DATA); }
static void store_ldc(unsigned char *to, const ldc *x)
{
    memcpy(to, x, LD_DATA);
    memcpy(to + sizeof(ld), (const unsigned char *)x + sizeof(ld), LD_DATA);
}
static void store_ld_int(unsigned char *to, const struct ld_int *x)
{
    memcpy(to, &x->value, LD_DATA);
    memcpy(to + offsetof(struct ld_int, index), &x->index, sizeof x->index);
}
static void store_quad(unsigned char *to, const quad *x) { memcpy(to, x, sizeof *x); }
static void store_quadc(unsigned char *to, const quadc *x) { memcpy(to, x, sizeof *x); }

#define KERNEL(name, T, store, expr)                                                                                   \
    void ampi_##name(const unsigned char *in, unsigned char *inout, size_t n)                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            T a, b;                                                                                                    \
            memcpy(&a, in + i * sizeof(T), sizeof(T));                                                                 \
            memcpy(&b, inout + i * sizeof(T), sizeof(T));                                                              \
            b = (expr);                                                                                                \
            store(inout + i * sizeof(T), &b);                                                                          \
        }                                                                                                              \
    }

KERNEL(ld_sum, ld, store_ld, a + b)
KERNEL(ld_prod, ld, store_ld, a *b)
KERNEL(ld_min, ld, store_ld, a < b ? a : b)
KERNEL(ld_max, ld, store_ld, a > b ? a : b)
KERNEL(ldc_sum, ldc, store_ldc, a + b)
KERNEL(ldc_prod, ldc, store_ldc, a *b)
KERNEL(quad_sum, quad, store_quad, a + b)
KERNEL(quad_prod, quad, store_quad, a *b)
KERNEL(quad_min, quad, store_quad, a < b ? a : b)
KERNEL(quad_max, quad, store_quad, a > b ? a : b)
KERNEL(quadc_sum, quadc, store_quadc, a + b)
KERNEL(quadc_prod, quadc, store_quadc, a *b)

/* Value and index: the smaller (larger) value wins, and the smaller index among equal ones. */
static struct ld_int minloc(struct ld_int a, struct ld_int b)
{
    if (a.value == b.value)
        return a.index < b.index ? a : b;
    return a.value < b.value ? a : b;
}

static struct ld_int maxloc(struct ld_int a, struct ld_int b)
{
    if (a.value == b.value)
        return a.index < b.index ? a : b;
    return a.value > b.value ? a : b;
}

KERNEL(ld_int_minloc, struct ld_int, store_ld_int, minloc(a, b))
KERNEL(ld_int_maxloc, struct ld_int, store_ld_int, maxloc(a, b))

void ampi_ld_to_quad(const unsigned char *from, unsigned char *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ld x;
        memcpy(&x, from + i * sizeof x, sizeof x);
        quad y = (quad)x;
        memcpy(to + i * sizeof y, &y, sizeof y);
    }
}

void ampi_quad_to_ld(const unsigned char *from, unsigned char *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        quad x;
        memcpy(&x, from + i * sizeof x, sizeof x);
        ld y = (ld)x;
        memset(to + i * sizeof y, 0, sizeof y);
        store_ld(to + i * sizeof y, &y);
    }
}
