/* The communicators on which every collective is tried: the world, the world in reverse, two halves, oneself. */
#ifndef COMMUNICATORS_H
#define COMMUNICATORS_H

#include "../check.h"

#define COMMUNICATORS 4

CHECK_MAYBE_UNUSED static void communicators_make(MPI_Comm comms[COMMUNICATORS])
{
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_dup(MPI_COMM_WORLD, &comms[0]);
    MPI_Comm_split(MPI_COMM_WORLD, 0, size - rank, &comms[1]);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &comms[2]);
    MPI_Comm_dup(MPI_COMM_SELF, &comms[3]);
}

CHECK_MAYBE_UNUSED static void communicators_free(MPI_Comm comms[COMMUNICATORS])
{
    for (int i = 0; i < COMMUNICATORS; i++)
        MPI_Comm_free(&comms[i]);
}

/* The next root to try: all of them in small communicators, a few in large ones. */
CHECK_MAYBE_UNUSED static int next_root(int root, int size)
{
    return size <= 8 ? root + 1 : root == 0 ? 1 : root == 1 ? size / 2 : root == size / 2 ? size - 1 : size;
}

#define FOR_EACH_ROOT(root, size) for (int root = 0; root < (size); root = next_root(root, size))

CHECK_MAYBE_UNUSED static const int try_counts[] = {0, 1, 3, 17, 1000, 20000};
#define TRY_COUNTS 6

/* Waits for a request of a nonblocking collective, by MPI_Wait or by MPI_Test. */
CHECK_MAYBE_UNUSED static void complete(MPI_Request *request, int by_test)
{
    int done = 0;
    if (by_test)
        while (!done)
            MPI_Test(request, &done, MPI_STATUS_IGNORE);
    else
        MPI_Wait(request, MPI_STATUS_IGNORE);
    CHECK(*request == MPI_REQUEST_NULL, "a completed collective leaves its request");
}

#endif
