//# vp: 2
//# expect: /ok on \d+ ranks/
// Null and inactive requests give the empty status, MPI_ERROR included, in every call that tells of requests.
#include "../check.h"

static MPI_Status dirty(void)
{
    MPI_Status s;
    memset(&s, 0x5a, sizeof s);
    return s;
}

static void empty(MPI_Status s, const char *call)
{
    int count, flag;
    MPI_Get_count(&s, MPI_INT, &count);
    MPI_Test_cancelled(&s, &flag);
    CHECK(s.MPI_SOURCE == MPI_ANY_SOURCE && s.MPI_TAG == MPI_ANY_TAG && s.MPI_ERROR == MPI_SUCCESS && count == 0 && !flag,
          "%s: source %d tag %d error %d count %d", call, s.MPI_SOURCE, s.MPI_TAG, s.MPI_ERROR, count);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Request inactive, none = MPI_REQUEST_NULL;
    int value, flag, index;
    MPI_Recv_init(&value, 1, MPI_INT, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &inactive);
    MPI_Request both[2] = {none, inactive};
    for (int i = 0; i < 2; i++) {
        MPI_Request r = both[i];
        MPI_Status s = dirty();
        MPI_Wait(&r, &s);
        empty(s, "MPI_Wait");
        s = dirty();
        MPI_Test(&r, &flag, &s);
        empty(s, "MPI_Test");
        s = dirty();
        MPI_Request_get_status(r, &flag, &s);
        CHECK(flag, "MPI_Request_get_status: flag");
        empty(s, "MPI_Request_get_status");
    }
    MPI_Status one = dirty(), all[2] = {dirty(), dirty()};
    MPI_Waitany(2, both, &index, &one);
    CHECK_EQ(index, MPI_UNDEFINED);
    empty(one, "MPI_Waitany");
    one = dirty();
    MPI_Testany(2, both, &index, &flag, &one);
    empty(one, "MPI_Testany");
    MPI_Waitall(2, both, all);
    empty(all[0], "MPI_Waitall, null");
    empty(all[1], "MPI_Waitall, inactive");
    all[0] = all[1] = dirty();
    MPI_Testall(2, both, &flag, all);
    empty(all[0], "MPI_Testall, null");
    empty(all[1], "MPI_Testall, inactive");
    CHECK(both[1] == inactive, "the inactive request is gone");
    MPI_Request_free(&inactive);

    /* but a completion leaves MPI_ERROR alone */
    MPI_Request receive;
    MPI_Irecv(&value, 1, MPI_INT, rank ^ 1, 2, MPI_COMM_WORLD, &receive);
    MPI_Send(&rank, 1, MPI_INT, rank ^ 1, 2, MPI_COMM_WORLD);
    one.MPI_ERROR = 4711;
    MPI_Wait(&receive, &one);
    CHECK_EQ(one.MPI_ERROR, 4711);
    return FINISH("empty_status");
}
