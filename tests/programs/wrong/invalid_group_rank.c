//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Group_incl\b/
//# expect-error: /MPI_ERR_RANK/
//# expect-not: still here
//# timeout: 20
// MPI_Group_incl with a rank outside the group.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int buffer[4] = {rank, 2, 3, 4};
    MPI_Datatype type = MPI_INT;
    MPI_Comm comm = MPI_COMM_WORLD;
    (void)buffer;
    (void)type;
    (void)comm;
    MPI_Group group, part;
    int ranks[1] = {1000};
    MPI_Comm_group(MPI_COMM_WORLD, &group);
    MPI_Group_incl(group, 1, ranks, &part);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
