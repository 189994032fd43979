//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Groups: incl, excl, ranges, union, intersection, difference, translation, comparison; order is kept.
#include "../check.h"

/* The group begins with the members wanted. */
static void begins_with(MPI_Group group, MPI_Group world, int n, const int *wanted, const char *what)
{
    for (int i = 0; i < n; i++) {
        int there;
        MPI_Group_translate_ranks(group, 1, &i, world, &there);
        CHECK(there == wanted[i], "member %d of %s is %d instead of %d", i, what, there, wanted[i]);
    }
}

static void members(MPI_Group group, MPI_Group world, int n, const int *wanted, const char *what)
{
    int size;
    MPI_Group_size(group, &size);
    CHECK(size == n, "%s has %d members instead of %d", what, size, n);
    begins_with(group, world, n, wanted, what);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Group world, a, b, c;
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    int me, n, result, list[64], k;
    MPI_Group_rank(world, &me);
    MPI_Group_size(world, &n);
    CHECK(me == rank && n == size, "group of the world: %d of %d", me, n);

    for (int i = 0; i < size; i++)
        list[i] = size - 1 - i;
    MPI_Group_incl(world, size, list, &a);
    members(a, world, size, list, "reversed");
    MPI_Group_compare(world, a, &result);
    CHECK_EQ(result, size == 1 ? MPI_IDENT : MPI_SIMILAR);
    MPI_Group_compare(a, a, &result);
    CHECK_EQ(result, MPI_IDENT);
    MPI_Group_free(&a);

    int out[1] = {size / 2};
    MPI_Group_excl(world, 1, out, &a);
    k = 0;
    for (int i = 0; i < size; i++)
        if (i != size / 2)
            list[k++] = i;
    members(a, world, k, list, "all but one");
    MPI_Group_rank(a, &me);
    CHECK_EQ(me, rank == size / 2 ? MPI_UNDEFINED : rank < size / 2 ? rank : rank - 1);
    MPI_Group_free(&a);

    int ranges[2][3] = {{size - 1, 0, -2}, {0, 0, 1}};
    int extra = size % 2 == 0; /* when 0 is not in the first range */
    MPI_Group_range_incl(world, 1 + extra, ranges, &a);
    k = 0;
    for (int i = size - 1; i >= 0; i -= 2)
        list[k++] = i;
    if (extra)
        list[k++] = 0;
    members(a, world, k, list, "range");
    MPI_Group_range_excl(world, 1, ranges, &b);
    k = 0;
    for (int i = 0; i < size; i++)
        if ((size - 1 - i) % 2)
            list[k++] = i;
    members(b, world, k, list, "excluded range");

    MPI_Group_union(b, a, &c);
    MPI_Group_size(c, &n);
    CHECK_EQ(n, size);
    begins_with(c, world, k, list, "a union");
    MPI_Group_free(&c);
    MPI_Group_intersection(a, b, &c);
    MPI_Group_size(c, &n);
    CHECK_EQ(n, extra ? 1 : 0);
    MPI_Group_free(&c);
    MPI_Group_difference(world, b, &c);
    MPI_Group_size(c, &n);
    CHECK_EQ(n, size - k);
    MPI_Group_free(&c);
    MPI_Group_difference(a, a, &c);
    MPI_Group_compare(c, MPI_GROUP_EMPTY, &result);
    CHECK_EQ(result, MPI_IDENT);
    if (c != MPI_GROUP_EMPTY)
        MPI_Group_free(&c);

    int zero[2] = {0, MPI_PROC_NULL}, there[2];
    MPI_Group_translate_ranks(world, 2, zero, b, there);
    CHECK(there[1] == MPI_PROC_NULL || size == 1, "MPI_PROC_NULL becomes %d", there[1]);
    CHECK_EQ(there[0], extra ? 0 : MPI_UNDEFINED);
    MPI_Group_incl(world, 0, NULL, &c);
    MPI_Group_size(c, &n);
    CHECK_EQ(n, 0);
    MPI_Group_free(&a);
    MPI_Group_free(&b);
    MPI_Group_free(&world);
    CHECK(world == MPI_GROUP_NULL, "MPI_Group_free leaves the handle");
    return FINISH("groups");
}
