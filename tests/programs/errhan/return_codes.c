//# p: 1,2
//# vp: 1,2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// With MPI_ERRORS_RETURN every wrong argument gives its error class, and the library still works.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comm, null = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    int value = 0, other = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Datatype type;
    CHECK_CLASS(MPI_Send(&value, 1, MPI_INT, size, 0, comm), MPI_ERR_RANK);
    CHECK_CLASS(MPI_Send(&value, 1, MPI_INT, -9, 0, comm), MPI_ERR_RANK);
    CHECK_CLASS(MPI_Recv(&value, 1, MPI_INT, size + 5, 0, comm, MPI_STATUS_IGNORE), MPI_ERR_RANK);
    CHECK_CLASS(MPI_Send(&value, 1, MPI_INT, 0, -1000, comm), MPI_ERR_TAG);
    CHECK_CLASS(MPI_Send(&value, -1, MPI_INT, 0, 0, comm), MPI_ERR_COUNT);
    CHECK_CLASS(MPI_Send(&value, 1, MPI_DATATYPE_NULL, 0, 0, comm), MPI_ERR_TYPE);
    CHECK_CLASS(MPI_Isend(&value, 1, MPI_INT, size, 0, comm, &request), MPI_ERR_RANK);
    CHECK_CLASS(MPI_Send(&value, 1, MPI_INT, 0, 0, null), MPI_ERR_COMM);
    CHECK_CLASS(MPI_Bcast(&value, 1, MPI_INT, size, comm), MPI_ERR_ROOT);
    CHECK_CLASS(MPI_Bcast(&value, -1, MPI_INT, 0, comm), MPI_ERR_COUNT);
    CHECK_CLASS(MPI_Allreduce(&value, &other, 1, MPI_INT, MPI_OP_NULL, comm), MPI_ERR_OP);
    CHECK_CLASS(MPI_Allreduce(&value, &other, 1, MPI_FLOAT, MPI_BAND, comm), MPI_ERR_OP);
    CHECK_CLASS(MPI_Comm_rank(null, &value), MPI_ERR_COMM);
    CHECK_CLASS(MPI_Type_contiguous(-1, MPI_INT, &type), MPI_ERR_COUNT);
    CHECK_CLASS(MPI_Type_contiguous(1, MPI_DATATYPE_NULL, &type), MPI_ERR_TYPE);
    MPI_Type_contiguous(2, MPI_INT, &type);
    CHECK_CLASS(MPI_Send(&value, 1, type, 0, 0, comm), MPI_ERR_TYPE); /* not committed */
    MPI_Type_free(&type);
    MPI_Group group, part;
    MPI_Comm_group(comm, &group);
    int ranks[2] = {0, size};
    CHECK_CLASS(MPI_Group_incl(group, 2, ranks, &part), MPI_ERR_RANK);
#ifdef AMPI /* others do not look */
    int twice[2] = {0, 0};
    CHECK_CLASS(MPI_Group_incl(group, 2, twice, &part), MPI_ERR_RANK);
#endif
    MPI_Group_free(&group);
    void *nothing = NULL;
    CHECK_CLASS(MPI_Comm_set_attr(comm, MPI_KEYVAL_INVALID, nothing), MPI_ERR_KEYVAL);
    int coordinates[1];
    CHECK_CLASS(MPI_Cart_coords(comm, 0, 1, coordinates), MPI_ERR_TOPOLOGY);
    MPI_Buffer_attach(malloc(100), 100);
    char large[1000];
    CHECK_CLASS(MPI_Bsend(large, 1000, MPI_BYTE, 0, 0, comm), MPI_ERR_BUFFER);
    void *buffer;
    int bytes;
    MPI_Buffer_detach(&buffer, &bytes);
    free(buffer);

    /* after all this, normal work */
    int sum;
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    CHECK_EQ(sum, size * (size - 1) / 2);
    MPI_Comm_free(&comm);
    return FINISH("return codes");
}
