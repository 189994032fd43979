//# p: 1,2
//# vp: 1,2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Dup, idup, dup_with_info, compare: separate contexts, copies many at a time, used while idup is pending.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm copy, copies[10];
    int result, value = rank, got = -1;
    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    MPI_Comm_compare(MPI_COMM_WORLD, copy, &result);
    CHECK_EQ(result, MPI_CONGRUENT);
    MPI_Comm_compare(copy, copy, &result);
    CHECK_EQ(result, MPI_IDENT);
    MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_SELF, &result);
    CHECK_EQ(result, size == 1 ? MPI_CONGRUENT : MPI_UNEQUAL);
    MPI_Comm reversed;
    MPI_Comm_split(MPI_COMM_WORLD, 0, size - rank, &reversed);
    MPI_Comm_compare(MPI_COMM_WORLD, reversed, &result);
    CHECK_EQ(result, size == 1 ? MPI_CONGRUENT : MPI_SIMILAR);
    MPI_Comm_free(&reversed);

    MPI_Request requests[10];
    for (int i = 0; i < 10; i++)
        MPI_Comm_idup(i % 2 ? copy : MPI_COMM_WORLD, &copies[i], &requests[i]);
    MPI_Sendrecv(&value, 1, MPI_INT, (rank + 1) % size, 1, &got, 1, MPI_INT, (rank + size - 1) % size, 1, copy, MPI_STATUS_IGNORE);
    CHECK_EQ(got, (rank + size - 1) % size);
    MPI_Waitall(10, requests, MPI_STATUSES_IGNORE);
    for (int i = 9; i >= 0; i--) {
        int sum;
        MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, copies[i]);
        CHECK_EQ(sum, size * (size - 1) / 2);
        MPI_Comm_free(&copies[i]);
    }
    /* freed while a receive is pending: it completes */
    MPI_Request pending;
    MPI_Irecv(&got, 1, MPI_INT, (rank + size - 1) % size, 2, copy, &pending);
    MPI_Comm kept = copy;
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Request sending;
    MPI_Isend(&value, 1, MPI_INT, (rank + 1) % size, 2, copy, &sending);
    MPI_Comm_free(&kept);
    MPI_Wait(&sending, MPI_STATUS_IGNORE);
    MPI_Wait(&pending, MPI_STATUS_IGNORE);
    CHECK_EQ(got, (rank + size - 1) % size);

    MPI_Info info;
    MPI_Info_create(&info);
    MPI_Info_set(info, "mpi_assert_no_any_tag", "true");
    MPI_Comm_dup_with_info(MPI_COMM_WORLD, info, &copy);
    MPI_Info_free(&info);
    MPI_Barrier(copy);
    MPI_Comm_get_info(copy, &info);
    MPI_Info_free(&info);
    MPI_Comm_free(&copy);
    return FINISH("dup");
}
