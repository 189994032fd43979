//# p: 1,2
//# vp: 1,2,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Comm_split: colours, keys, ties by rank, MPI_UNDEFINED, splits of splits, collectives and messages inside.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm part, inner;
    int me, n;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 3, size - rank, &part);
    MPI_Comm_rank(part, &me);
    MPI_Comm_size(part, &n);
    int members = (size - rank % 3 + 2) / 3;
    CHECK_EQ(n, members);
    CHECK_EQ(me, members - 1 - rank / 3); /* keys run backwards */
    int sum;
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, part);
    int wanted = 0;
    for (int r = rank % 3; r < size; r += 3)
        wanted += r;
    CHECK_EQ(sum, wanted);
    int left = -1;
    MPI_Sendrecv(&rank, 1, MPI_INT, (me + 1) % n, 0, &left, 1, MPI_INT, (me + n - 1) % n, 0, part, MPI_STATUS_IGNORE);
    CHECK_EQ(left, n == 1 ? rank : me == 0 ? rank % 3 : rank + 3);

    MPI_Comm_split(part, me % 2, 0, &inner);
    int inner_me;
    MPI_Comm_rank(inner, &inner_me);
    CHECK_EQ(inner_me, me / 2);
    MPI_Barrier(inner);
    MPI_Comm_free(&inner);
    MPI_Comm_free(&part);
    CHECK(part == MPI_COMM_NULL, "MPI_Comm_free leaves the handle");

    MPI_Comm_split(MPI_COMM_WORLD, rank % 2 ? MPI_UNDEFINED : 7, 0, &part);
    CHECK((part == MPI_COMM_NULL) == (rank % 2 == 1), "MPI_UNDEFINED");
    if (part != MPI_COMM_NULL) {
        MPI_Comm_size(part, &n);
        CHECK_EQ(n, (size + 1) / 2);
        MPI_Comm_free(&part);
    }
    /* everybody alone, many times: identifiers are reused */
    for (int i = 0; i < 300; i++) {
        MPI_Comm_split(MPI_COMM_WORLD, rank, i, &part);
        MPI_Comm_size(part, &n);
        CHECK_EQ(n, 1);
        MPI_Comm_free(&part);
        if (size > 4 && i == 20)
            break;
    }
    MPI_Comm node;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &n);
    CHECK_EQ(n, size); /* one host in this test */
    MPI_Comm_free(&node);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_UNDEFINED, rank, MPI_INFO_NULL, &node);
    CHECK(node == MPI_COMM_NULL, "MPI_UNDEFINED in MPI_Comm_split_type");
    return FINISH("split");
}
