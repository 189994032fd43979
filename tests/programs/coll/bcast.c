//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Broadcast from every root, of every size, contiguous and strided, blocking and nonblocking.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    int *data = malloc(40000 * sizeof(int));
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        for (int k = 0; k < TRY_COUNTS; k++)
            FOR_EACH_ROOT(root, n) {
                int count = try_counts[k];
                for (int way = 0; way < 3; way++) {
                    int stride = way == 2 ? 2 : 1;
                    for (int i = 0; i < count * stride; i++)
                        data[i] = me == root && i % stride == 0 ? root * 1000 + i + way : -1;
                    MPI_Request request;
                    if (way == 0) {
                        MPI_Bcast(data, count, MPI_INT, root, comms[c]);
                    } else if (way == 1) {
                        MPI_Ibcast(data, count, MPI_INT, root, comms[c], &request);
                        complete(&request, root % 2);
                    } else {
                        MPI_Datatype strided;
                        MPI_Type_vector(count, 1, 2, MPI_INT, &strided);
                        MPI_Type_commit(&strided);
                        MPI_Bcast(data, 1, strided, root, comms[c]);
                        MPI_Type_free(&strided);
                    }
                    for (int i = 0; i < count * stride; i++)
                        CHECK_EQ(data[i], i % stride == 0 ? root * 1000 + i + way : -1);
                }
            }
    }
    /* the signature counts, not the type map: strided at the root, contiguous elsewhere */
    MPI_Datatype strided;
    MPI_Type_vector(100, 1, 3, MPI_INT, &strided);
    MPI_Type_commit(&strided);
    for (int i = 0; i < 300; i++)
        data[i] = rank == 0 ? i : -1;
    if (rank == 0)
        MPI_Bcast(data, 1, strided, 0, MPI_COMM_WORLD);
    else
        MPI_Bcast(data, 100, MPI_INT, 0, MPI_COMM_WORLD);
    if (rank != 0)
        for (int i = 0; i < 100; i++)
            CHECK_EQ(data[i], 3 * i);
    MPI_Type_free(&strided);
    free(data);
    communicators_free(comms);
    return FINISH("bcast");
}
