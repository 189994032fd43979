//# vp: 1,4
//# flags: -pthread
//# expect: questions: ok on {vp} ranks
// Any thread may ask whether MPI runs, on which level, and whether it is the main one: at every thread level.
#include "../check.h"
#include <pthread.h>

static void *ask(void *expected_level)
{
    int initialized = 0, finalized = 1, level = -1, main_thread = 1, version = 0, subversion;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    MPI_Query_thread(&level);
    MPI_Is_thread_main(&main_thread);
    MPI_Get_version(&version, &subversion);
    CHECK_EQ(initialized, 1);
    CHECK_EQ(finalized, 0);
    CHECK_EQ(level, *(int *)expected_level);
    CHECK_EQ(main_thread, 0);
    CHECK_EQ(version, 5);
    return NULL;
}

int main(int argc, char **argv)
{
    int provided, main_thread = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, ask, &provided), 0);
    pthread_join(thread, NULL);
    MPI_Is_thread_main(&main_thread);
    CHECK_EQ(main_thread, 1);
    return FINISH("questions");
}
