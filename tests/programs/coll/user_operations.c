//# p: 1,2
//# vp: 1,2,3,4,7,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// User operations: commutative or not (matrix products in rank order), on derived datatypes, in all reductions, with MPI_IN_PLACE.
#include "communicators.h"

struct matrix {
    long a, b, c, d;
};
#define MODULUS 1000003L

static struct matrix times(struct matrix x, struct matrix y)
{
    struct matrix r = {(x.a * y.a + x.b * y.c) % MODULUS, (x.a * y.b + x.b * y.d) % MODULUS,
                       (x.c * y.a + x.d * y.c) % MODULUS, (x.c * y.b + x.d * y.d) % MODULUS};
    return r;
}

static void multiply(void *in, void *inout, int *count, MPI_Datatype *type)
{
    struct matrix *x = in, *y = inout;
    int bytes;
    MPI_Type_size(*type, &bytes); /* a user operation may look at its datatype */
    CHECK_EQ(bytes, sizeof(struct matrix));
    for (int i = 0; i < *count; i++)
        y[i] = times(x[i], y[i]); /* in (lower ranks) stands left */
}

static void add_even(void *in, void *inout, int *count, MPI_Datatype *type)
{
    (void)type;
    int *x = in, *y = inout; /* the type is one int in a place of two */
    for (int i = 0; i < *count; i++)
        y[2 * i] += x[2 * i];
}

static struct matrix of(int r, int i)
{
    struct matrix m = {r % 5 + 1, i % 3 + 1, r % 2, r % 7 + 1};
    return m;
}

static struct matrix product(int first, int last, int i)
{
    struct matrix m = of(first, i);
    for (int r = first + 1; r <= last; r++)
        m = times(m, of(r, i));
    return m;
}

static int same(struct matrix x, struct matrix y)
{
    return x.a == y.a && x.b == y.b && x.c == y.c && x.d == y.d;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Op op, even;
    MPI_Op_create(multiply, 0, &op);
    MPI_Op_create(add_even, 1, &even);
    int commutative;
    MPI_Op_commutative(op, &commutative);
    CHECK(!commutative, "an operation became commutative");
    MPI_Op_commutative(even, &commutative);
    CHECK(commutative, "an operation is no longer commutative");
    MPI_Datatype type, pair, gap;
    MPI_Type_contiguous(4, MPI_LONG, &type);
    MPI_Type_commit(&type);
    MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &gap);
    MPI_Type_commit(&gap);
    pair = gap;

    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    static const int counts[] = {1, 3, 200};
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        struct matrix *mine = malloc(sizeof *mine * 200 * (size_t)n), *result = malloc(sizeof *result * 200 * (size_t)n);
        for (int k = 0; k < 3; k++) {
            int count = counts[k];
            if (count * n > 2000 && count > 3)
                continue;
            for (int i = 0; i < count * n; i++)
                mine[i] = of(me, i);
            MPI_Allreduce(mine, result, count, type, op, comms[c]);
            for (int i = 0; i < count; i++)
                CHECK(same(result[i], product(0, n - 1, i)), "MPI_Allreduce, element %d", i);
            FOR_EACH_ROOT(root, n) {
                memset(result, 0, sizeof *result * (size_t)count);
                MPI_Reduce(mine, result, count, type, op, root, comms[c]);
                if (me == root)
                    for (int i = 0; i < count; i++)
                        CHECK(same(result[i], product(0, n - 1, i)), "MPI_Reduce to %d, element %d", root, i);
            }
            MPI_Scan(mine, result, count, type, op, comms[c]);
            for (int i = 0; i < count; i++)
                CHECK(same(result[i], product(0, me, i)), "MPI_Scan, element %d", i);
            MPI_Exscan(mine, result, count, type, op, comms[c]);
            for (int i = 0; i < count && me > 0; i++)
                CHECK(same(result[i], product(0, me - 1, i)), "MPI_Exscan, element %d", i);
            MPI_Reduce_scatter_block(mine, result, count, type, op, comms[c]);
            for (int i = 0; i < count; i++)
                CHECK(same(result[i], product(0, n - 1, me * count + i)), "MPI_Reduce_scatter_block, element %d", i);
            memcpy(result, mine, sizeof *mine * (size_t)count);
            MPI_Request request;
            MPI_Iallreduce(MPI_IN_PLACE, result, count, type, op, comms[c], &request);
            complete(&request, 0);
            for (int i = 0; i < count; i++)
                CHECK(same(result[i], product(0, n - 1, i)), "MPI_Iallreduce in place, element %d", i);
        }
        int data[40], sums[40];
        for (int i = 0; i < 40; i++) {
            data[i] = i % 2 ? -9 : me + i;
            sums[i] = -5;
        }
        MPI_Allreduce(data, sums, 20, pair, even, comms[c]);
        for (int i = 0; i < 40; i++)
            CHECK_EQ(sums[i], i % 2 ? -5 : n * (n - 1) / 2 + n * i);
        free(mine);
        free(result);
    }
    MPI_Op_free(&op);
    MPI_Op_free(&even);
    CHECK(op == MPI_OP_NULL && even == MPI_OP_NULL, "MPI_Op_free leaves the handle");
    MPI_Type_free(&type);
    MPI_Type_free(&gap);
    communicators_free(comms);
    return FINISH("user operations");
}
