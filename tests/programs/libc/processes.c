//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect: /ok on \d+ ranks/
// system, popen, fork with exec, and posix_spawn from ranks.
#define _GNU_SOURCE
#include "../check.h"
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    char command[100];
    snprintf(command, sizeof command, "exit %d", rank % 100 + 1);
    int status = system(command);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == rank % 100 + 1, "system gave status %d", status);
    MPI_Barrier(MPI_COMM_WORLD);

    snprintf(command, sizeof command, "echo output of %d", rank);
    FILE *pipe_end = popen(command, "r");
    CHECK(pipe_end != NULL, "popen");
    MPI_Barrier(MPI_COMM_WORLD);
    int r = -1;
    CHECK(fscanf(pipe_end, "output of %d", &r) == 1 && r == rank, "popen gave %d", r);
    CHECK_EQ(pclose(pipe_end), 0);

    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        if (rank % 2)
            execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
        _exit(4);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(waitpid(child, &status, 0) == child, "waitpid");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (rank % 2 ? 5 : 4), "the child of fork ended with status %d", status);

    char *arguments[] = {(char *)"sh", (char *)"-c", (char *)"exit 6", NULL};
    CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0, "posix_spawn");
    CHECK(waitpid(child, &status, 0) == child, "waitpid");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6, "the spawned child ended with status %d", status);
    MPI_Barrier(MPI_COMM_WORLD);
    return FINISH("processes");
}
