//# p: 1,2
//# vp: 2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_ERR_TRUNCATE with MPI_ERRORS_RETURN: the prefix arrives, nothing behind the buffer is touched, later messages are whole.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); /* MPICH reports errors of MPI_Wait there */
    int partner = rank ^ 1;
    static const int lengths[] = {3, 100, 5000, 100000};
    int *data = malloc(100000 * sizeof(int)), *in = malloc(100000 * sizeof(int));
    for (int k = 0; k < 4 && partner < size; k++) {
        int n = lengths[k];
        for (int posted_first = 0; posted_first < 2; posted_first++) {
            if (rank % 2 == 0) {
                for (int i = 0; i < n; i++)
                    data[i] = i + k;
                if (posted_first)
                    MPI_Recv(NULL, 0, MPI_INT, partner, 9, comm, MPI_STATUS_IGNORE);
                MPI_Send(data, n, MPI_INT, partner, 1, comm);
                MPI_Send(&k, 1, MPI_INT, partner, 2, comm);
            } else {
                MPI_Request request;
                int error, class, half = n / 2, after = -1;
                for (int i = 0; i < n; i++)
                    in[i] = -7;
                MPI_Irecv(in, half, MPI_INT, partner, 1, comm, &request);
                if (posted_first)
                    MPI_Send(NULL, 0, MPI_INT, partner, 9, comm);
                error = MPI_Wait(&request, MPI_STATUS_IGNORE);
                CHECK(error != MPI_SUCCESS, "a message of %d ints fits into %d", n, half);
                MPI_Error_class(error, &class);
                CHECK_EQ(class, MPI_ERR_TRUNCATE);
                for (int i = half; i < n; i++)
                    CHECK_EQ(in[i], -7);
                MPI_Recv(&after, 1, MPI_INT, partner, 2, comm, MPI_STATUS_IGNORE);
                CHECK_EQ(after, k);
            }
        }
    }
    free(data);
    free(in);
    MPI_Comm_free(&comm);
    return FINISH("truncation");
}
