//# p: 1,2
//# vp: 1,2,8
//# isolate: image
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_Initialized, MPI_Finalized, versions and names before, between and after; MPI_Init with null arguments.
#include "../check.h"

int main(void)
{
    int flag, version, subversion, length, rank, size;
    MPI_Finalized(&flag);
    CHECK(!flag, "finalized at start");
    MPI_Initialized(&flag);
    CHECK(!flag, "initialized at start");
    MPI_Get_version(&version, &subversion);
    CHECK(version >= 3, "version %d.%d", version, subversion);
    char text[MPI_MAX_LIBRARY_VERSION_STRING], name[MPI_MAX_PROCESSOR_NAME];
    MPI_Get_library_version(text, &length);
    CHECK(length > 0 && (int)strlen(text) == length, "library version of %d characters", length);
    MPI_Init(NULL, NULL);
    MPI_Initialized(&flag);
    CHECK(flag, "not initialized after MPI_Init");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Get_processor_name(name, &length);
    CHECK(length > 0 && (int)strlen(name) == length && length < MPI_MAX_PROCESSOR_NAME, "processor name %s", name);
    int level, main_thread;
    MPI_Query_thread(&level);
    CHECK(level >= MPI_THREAD_SINGLE && level <= MPI_THREAD_MULTIPLE, "thread level %d", level);
    MPI_Is_thread_main(&main_thread);
    CHECK(main_thread, "main is not the main thread");
    int self_rank, self_size;
    MPI_Comm_rank(MPI_COMM_SELF, &self_rank);
    MPI_Comm_size(MPI_COMM_SELF, &self_size);
    CHECK(self_rank == 0 && self_size == 1, "MPI_COMM_SELF");
    MPI_Finalized(&flag);
    CHECK(!flag, "finalized too early");
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("state: ok on %d ranks\n", size);
    MPI_Finalize();
    MPI_Finalized(&flag);
    CHECK(flag, "not finalized after MPI_Finalize");
    MPI_Initialized(&flag);
    CHECK(flag, "MPI_Initialized forgot");
    MPI_Get_version(&version, &subversion);
    return 0;
}
