//# p: 1,2
//# vp: 2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Get_elements and Get_count of partial derived types; MPI_STATUS_IGNORE everywhere; Status_set_* accessors.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Datatype pair;
    MPI_Type_contiguous(2, MPI_INT, &pair);
    MPI_Type_commit(&pair);
    int partner = rank ^ 1, data[10] = {0}, count, elements;
    MPI_Status status;
    if (partner < size)
        for (int n = 0; n <= 10; n++) {
            MPI_Sendrecv(data, n, MPI_INT, partner, n, data, 5, pair, partner, n, MPI_COMM_WORLD, &status);
            MPI_Get_elements(&status, pair, &elements);
            CHECK_EQ(elements, n);
            MPI_Get_count(&status, pair, &count);
            CHECK_EQ(count, n % 2 ? MPI_UNDEFINED : n / 2);
            MPI_Count large;
            MPI_Get_elements_x(&status, pair, &large);
            CHECK_EQ(large, n);
        }
    MPI_Status made;
    memset(&made, 0, sizeof made);
    MPI_Status_set_elements(&made, MPI_DOUBLE, 7);
    MPI_Status_set_cancelled(&made, 1);
    int flag;
    MPI_Test_cancelled(&made, &flag);
    CHECK(flag, "MPI_Status_set_cancelled");
    MPI_Get_count(&made, MPI_DOUBLE, &count);
    CHECK_EQ(count, 7);
    MPI_Status_set_elements_x(&made, MPI_INT, 12);
    MPI_Get_elements(&made, MPI_INT, &elements);
    CHECK_EQ(elements, 12);
    MPI_Type_free(&pair);
    return FINISH("status elements");
}
