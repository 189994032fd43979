//# p: 1,2
//# vp: 1,2,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Comm_create, Comm_create_group (called by members only), Comm_group, remote queries, nested.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Group world, even, first;
    MPI_Comm comm, small;
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    int range[1][3] = {{0, size - 1, 2}}, me, n, sum;
    MPI_Group_range_incl(world, 1, range, &even);
    MPI_Comm_create(MPI_COMM_WORLD, even, &comm);
    CHECK((comm == MPI_COMM_NULL) == (rank % 2 == 1), "membership in MPI_Comm_create");
    if (comm != MPI_COMM_NULL) {
        MPI_Comm_rank(comm, &me);
        MPI_Comm_size(comm, &n);
        CHECK(me == rank / 2 && n == (size + 1) / 2, "rank %d of %d", me, n);
        MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, comm);
        CHECK_EQ(sum, n * (n - 1) / 2);
        /* only the first half of the even ranks calls this */
        int half[1][3] = {{0, (n - 1) / 2, 1}};
        MPI_Group_range_incl(even, 1, half, &first);
        if (me <= (n - 1) / 2) {
            MPI_Comm_create_group(comm, first, 33, &small);
            int small_n;
            MPI_Comm_size(small, &small_n);
            CHECK_EQ(small_n, (n - 1) / 2 + 1);
            MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_MAX, small);
            CHECK_EQ(sum, (n - 1) / 2 * 2);
            MPI_Comm_free(&small);
        }
        MPI_Group_free(&first);
        MPI_Comm_free(&comm);
    }
    /* disjoint groups at the same time: pairs */
    MPI_Group pair;
    int two[2] = {rank / 2 * 2, rank / 2 * 2 + 1}, count = two[1] < size ? 2 : 1;
    MPI_Group_incl(world, count, two, &pair);
    MPI_Comm_create(MPI_COMM_WORLD, pair, &comm);
    MPI_Comm_size(comm, &n);
    CHECK_EQ(n, count);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    CHECK_EQ(sum, count == 2 ? two[0] + two[1] : two[0]);
    MPI_Comm_free(&comm);
    MPI_Comm_create_group(MPI_COMM_WORLD, pair, rank / 2, &comm);
    MPI_Barrier(comm);
    MPI_Comm_free(&comm);
    MPI_Comm_create(MPI_COMM_WORLD, MPI_GROUP_EMPTY, &comm);
    CHECK(comm == MPI_COMM_NULL, "the empty group");
    int inter;
    MPI_Comm_test_inter(MPI_COMM_WORLD, &inter);
    CHECK(!inter, "MPI_COMM_WORLD is no intercommunicator");
    MPI_Group_free(&pair);
    MPI_Group_free(&even);
    MPI_Group_free(&world);
    return FINISH("create");
}
