//# p: 1,2
//# vp: 2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_ERR_IN_STATUS: Waitall with one truncated receive among good ones; the statuses tell which.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    int partner = rank ^ 1;
    if (partner < size) {
        int out[4] = {rank, rank, rank, rank}, a = -1, b = -1, c = -1, class;
        MPI_Request requests[3];
        MPI_Status statuses[3];
        MPI_Irecv(&a, 1, MPI_INT, partner, 1, MPI_COMM_WORLD, &requests[0]);
        MPI_Irecv(&b, 1, MPI_INT, partner, 2, MPI_COMM_WORLD, &requests[1]);
        MPI_Irecv(&c, 1, MPI_INT, partner, 3, MPI_COMM_WORLD, &requests[2]);
        MPI_Sendrecv(NULL, 0, MPI_INT, partner, 9, NULL, 0, MPI_INT, partner, 9, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(out, 1, MPI_INT, partner, 1, MPI_COMM_WORLD);
        MPI_Send(out, 4, MPI_INT, partner, 2, MPI_COMM_WORLD);
        MPI_Send(out, 1, MPI_INT, partner, 3, MPI_COMM_WORLD);
        /* complete the good ones first, so that none is pending */
        int flag = 0;
        while (!flag)
            MPI_Request_get_status(requests[2], &flag, MPI_STATUS_IGNORE);
        int code = MPI_Waitall(3, requests, statuses);
        MPI_Error_class(code, &class);
        CHECK_EQ(class, MPI_ERR_IN_STATUS);
        MPI_Error_class(statuses[1].MPI_ERROR, &class);
        CHECK_EQ(class, MPI_ERR_TRUNCATE);
        CHECK_EQ(statuses[0].MPI_ERROR, MPI_SUCCESS);
        CHECK_EQ(a, partner);
        CHECK(statuses[2].MPI_ERROR == MPI_SUCCESS || statuses[2].MPI_ERROR == MPI_ERR_PENDING, "error %d of a good receive",
              statuses[2].MPI_ERROR);
        if (statuses[2].MPI_ERROR == MPI_ERR_PENDING)
            MPI_Wait(&requests[2], MPI_STATUS_IGNORE);
        CHECK_EQ(c, partner);
    }
    return FINISH("error in status");
}
