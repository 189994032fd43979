//# p: 1,2
//# vp: 1,8
//# args: one two three
//# compare: mpich
//# expect: /rank 0: 4 arguments, last three/
// Constructors get argc, argv and envp as glibc gives them; argv is the rank's own copy; program_invocation_name works.
#define _GNU_SOURCE
#include "../check.h"
#include <errno.h>
#include <unistd.h>

static int constructor_argc;
static char **constructor_argv, **constructor_env;

__attribute__((constructor)) static void before_main(int argc, char **argv, char **envp)
{
    constructor_argc = argc;
    constructor_argv = argv;
    constructor_env = envp;
}

int main(int argc, char **argv, char **envp)
{
    CHECK_EQ(constructor_argc, argc);
    CHECK(constructor_argv == argv, "the constructor got another argv");
    CHECK(constructor_env == envp && environ == envp, "the constructor got another environment");
    START(argc, argv);
    CHECK_EQ(argc, 4);
    CHECK(argv[argc] == NULL, "argv is not ended by a null pointer");
    CHECK(strcmp(argv[2], "two") == 0, "argument 2 is \"%s\"", argv[2]);
    CHECK(strstr(argv[0], "constructor_arguments") != NULL, "argv[0] is \"%s\"", argv[0]);
    CHECK(strcmp(program_invocation_short_name, basename(argv[0])) == 0, "program name is \"%s\"",
          program_invocation_short_name);
    CHECK(strcmp(program_invocation_name, argv[0]) == 0, "full program name is \"%s\"", program_invocation_name);
    MPI_Barrier(MPI_COMM_WORLD);
    argv[1][0] = (char)('A' + rank % 26); /* a program may write into its arguments */
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK_EQ(argv[1][0], 'A' + rank % 26);
    argv[1] = NULL;
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(argv[2] != NULL && argv[1] == NULL, "argv is shared");
    printf("rank %d: %d arguments, last %s\n", rank, argc, argv[3]);
    MPI_Finalize();
    return 0;
}
