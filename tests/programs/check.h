/* What every test program shares: begin, check, say ok, end.
 *
 * It has no mutable globals, because some programs run with `isolate: none`, where all ranks share one image.
 * A failed check prints one line on stderr (file, line, rank, the condition, a message) and ends the whole job with code 1.
 */
#ifndef CHECK_H
#define CHECK_H

#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define CHECK_MAYBE_UNUSED __attribute__((unused))
#else
#define CHECK_MAYBE_UNUSED
#endif

#define CHECK_FORMAT __attribute__((format(printf, 4, 5)))

CHECK_MAYBE_UNUSED CHECK_FORMAT static void check_failed(const char *file, int line, const char *condition,
                                                         const char *format, ...)
{
    int initialized = 0, finalized = 0, rank = -1;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized)
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    fprintf(stderr, "%s:%d: rank %d: check failed: %s: %s\n", file, line, rank, condition, message);
    fflush(stderr);
    if (initialized && !finalized)
        MPI_Abort(MPI_COMM_WORLD, 1);
    exit(1);
}

/* CHECK(condition, "format", values...) */
#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                                                 \
    } while (0)

/* Two integers that must be equal; both are printed when they are not. */
#define CHECK_EQ(got, wanted)                                                                                          \
    do {                                                                                                               \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted);                                              \
        if (got_ != wanted_)                                                                                           \
            check_failed(__FILE__, __LINE__, #got " == " #wanted, "got %lld, wanted %lld", got_, wanted_);             \
    } while (0)

/* An MPI call that must return an error of the given class. The communicator must have MPI_ERRORS_RETURN. */
#define CHECK_CLASS(call, wanted)                                                                                      \
    do {                                                                                                               \
        int code_ = (call), class_ = MPI_SUCCESS;                                                                      \
        if (code_ != MPI_SUCCESS)                                                                                      \
            MPI_Error_class(code_, &class_);                                                                           \
        if (class_ != (wanted))                                                                                        \
            check_failed(__FILE__, __LINE__, #call, "error class %d, wanted %s", class_, #wanted);                     \
    } while (0)

/* Declares `rank` and `size` of MPI_COMM_WORLD after MPI_Init. */
#define START(argc, argv)                                                                                              \
    int rank, size;                                                                                                    \
    MPI_Init(&(argc), &(argv));                                                                                        \
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);                                                                              \
    MPI_Comm_size(MPI_COMM_WORLD, &size);                                                                              \
    (void)rank;                                                                                                        \
    (void)size

/* Everybody got here: rank 0 says so. Ends MPI. To be used as `return FINISH("name");`. */
#define FINISH(name) check_finish(name)

CHECK_MAYBE_UNUSED static int check_finish(const char *name)
{
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("%s: ok on %d ranks\n", name, size);
    MPI_Finalize();
    return 0;
}

#endif
