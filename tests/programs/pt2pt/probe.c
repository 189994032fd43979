//# p: 1,2
//# vp: 2,4,8,32
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Probe and Iprobe tell source, tag and length of the message that the next receive gets.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 0) {
        int flag;
        MPI_Status status;
        MPI_Iprobe(0, 12345, MPI_COMM_WORLD, &flag, &status);
        CHECK(!flag, "a message was invented");
        for (int i = 0; i < 2 * (size - 1); i++) {
            int count;
            if (i % 2) {
                MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
            } else {
                do
                    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &status);
                while (!flag);
            }
            MPI_Get_count(&status, MPI_DOUBLE, &count);
            int source = status.MPI_SOURCE, tag = status.MPI_TAG;
            CHECK_EQ(count, tag == 1 ? source * 3 : source * 700);
            double *data = malloc(sizeof(double) * (size_t)(count + 1));
            MPI_Recv(data, count, MPI_DOUBLE, source, tag, MPI_COMM_WORLD, &status);
            CHECK(status.MPI_SOURCE == source && status.MPI_TAG == tag, "another message than probed came");
            for (int k = 0; k < count; k++)
                CHECK(data[k] == source + k * 0.5, "element %d", k);
            free(data);
        }
    } else {
        int large = rank * 700;
        double *data = malloc(sizeof(double) * (size_t)large);
        for (int k = 0; k < large; k++)
            data[k] = rank + k * 0.5;
        MPI_Send(data, rank * 3, MPI_DOUBLE, 0, 1, MPI_COMM_WORLD);
        MPI_Send(data, large, MPI_DOUBLE, 0, 2, MPI_COMM_WORLD);
        free(data);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    /* a length that is no multiple of the datatype */
    if (rank == 1)
        MPI_Send("abcde", 5, MPI_BYTE, 0, 3, MPI_COMM_WORLD);
    if (rank == 0) {
        MPI_Status status;
        int count;
        char text[5];
        MPI_Probe(1, 3, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_INT, &count);
        CHECK_EQ(count, MPI_UNDEFINED);
        MPI_Get_count(&status, MPI_BYTE, &count);
        CHECK_EQ(count, 5);
        MPI_Recv(text, 5, MPI_BYTE, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    return FINISH("probe");
}
