//# p: 1,2
//# vp: 2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Wait, Waitany, Waitsome, Waitall and the Test functions: indices, statuses, null and inactive requests.
#include "../check.h"

#define N 20

int main(int argc, char **argv)
{
    START(argc, argv);
    int partner = rank ^ 1, values[N], got[N], index, flag, count, indices[N];
    MPI_Request requests[N];
    MPI_Status status, statuses[N];

    /* empty statuses for null requests */
    MPI_Request null = MPI_REQUEST_NULL;
    MPI_Wait(&null, &status);
    CHECK(status.MPI_SOURCE == MPI_ANY_SOURCE && status.MPI_TAG == MPI_ANY_TAG, "status of a null request: %d %d",
          status.MPI_SOURCE, status.MPI_TAG);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK_EQ(count, 0);
    MPI_Test(&null, &flag, &status);
    CHECK(flag, "MPI_Test of a null request");
    for (int i = 0; i < N; i++)
        requests[i] = MPI_REQUEST_NULL;
    MPI_Waitany(N, requests, &index, &status);
    CHECK_EQ(index, MPI_UNDEFINED);
    MPI_Testany(N, requests, &index, &flag, &status);
    CHECK(flag && index == MPI_UNDEFINED, "MPI_Testany of null requests");
    MPI_Waitsome(N, requests, &count, indices, statuses);
    CHECK_EQ(count, MPI_UNDEFINED);
    MPI_Testsome(N, requests, &count, indices, statuses);
    CHECK_EQ(count, MPI_UNDEFINED);
    MPI_Testall(N, requests, &flag, statuses);
    CHECK(flag, "MPI_Testall of null requests");
    MPI_Waitall(0, NULL, MPI_STATUSES_IGNORE);

    for (int way = 0; way < 8; way++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (partner >= size)
            continue;
        if (rank % 2 == 0) {
            for (int i = 0; i < N; i++) {
                values[i] = way * 1000 + i;
                MPI_Send(&values[i], i % 2, MPI_INT, partner, i, MPI_COMM_WORLD);
            }
            continue;
        }
        int seen[N] = {0}, left = N;
        for (int i = 0; i < N; i++) {
            got[i] = -1;
            MPI_Irecv(&got[i], 1, MPI_INT, partner, i, MPI_COMM_WORLD, &requests[i]);
        }
        switch (way) {
        case 0:
            for (int i = N - 1; i >= 0; i--)
                MPI_Wait(&requests[i], &statuses[i]);
            break;
        case 1:
            MPI_Waitall(N, requests, statuses);
            break;
        case 2:
            while (left--) {
                MPI_Waitany(N, requests, &index, &status);
                CHECK(index >= 0 && index < N && !seen[index], "MPI_Waitany gave index %d", index);
                CHECK(requests[index] == MPI_REQUEST_NULL, "a completed request is kept");
                seen[index] = 1;
                statuses[index] = status;
            }
            break;
        case 3:
            while (left > 0) {
                MPI_Status some[N];
                MPI_Waitsome(N, requests, &count, indices, some);
                CHECK(count > 0 && count <= left, "MPI_Waitsome completed %d", count);
                for (int k = 0; k < count; k++) {
                    CHECK(!seen[indices[k]], "MPI_Waitsome gave index %d twice", indices[k]);
                    seen[indices[k]] = 1;
                    statuses[indices[k]] = some[k];
                }
                left -= count;
            }
            break;
        case 4:
            for (int i = 0; i < N; i++)
                do
                    MPI_Test(&requests[i], &flag, &statuses[i]);
                while (!flag);
            break;
        case 5:
            do
                MPI_Testall(N, requests, &flag, statuses);
            while (!flag);
            break;
        case 6:
            while (left > 0) {
                MPI_Testany(N, requests, &index, &flag, &status);
                if (flag) {
                    CHECK(index >= 0 && index < N && !seen[index], "MPI_Testany gave index %d", index);
                    seen[index] = 1;
                    statuses[index] = status;
                    left--;
                }
            }
            break;
        default:
            while (left > 0) {
                MPI_Status some[N];
                MPI_Testsome(N, requests, &count, indices, some);
                for (int k = 0; k < count; k++) {
                    CHECK(!seen[indices[k]], "MPI_Testsome gave index %d twice", indices[k]);
                    seen[indices[k]] = 1;
                    statuses[indices[k]] = some[k];
                }
                left -= count;
            }
        }
        for (int i = 0; i < N; i++) {
            CHECK(requests[i] == MPI_REQUEST_NULL, "request %d is not null", i);
            CHECK_EQ(statuses[i].MPI_SOURCE, partner);
            CHECK_EQ(statuses[i].MPI_TAG, i);
            MPI_Get_count(&statuses[i], MPI_INT, &count);
            CHECK_EQ(count, i % 2);
            CHECK_EQ(got[i], i % 2 ? way * 1000 + i : -1);
        }
    }
    /* MPI_Request_get_status leaves the request */
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Request own;
    int echo = -1;
    MPI_Irecv(&echo, 1, MPI_INT, rank, 99, MPI_COMM_WORLD, &own);
    MPI_Request_get_status(own, &flag, &status);
    CHECK(!flag, "a receive without a message is complete");
    MPI_Send(&rank, 1, MPI_INT, rank, 99, MPI_COMM_WORLD);
    do
        MPI_Request_get_status(own, &flag, &status);
    while (!flag);
    CHECK(own != MPI_REQUEST_NULL && status.MPI_TAG == 99, "MPI_Request_get_status");
    MPI_Wait(&own, &status);
    CHECK_EQ(echo, rank);
    return FINISH("completion");
}
