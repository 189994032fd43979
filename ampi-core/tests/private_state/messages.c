/* perror, err.h, error.h, psignal, assert: everything goes to stderr. */
#define _GNU_SOURCE
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <error.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    program_invocation_name = "prog";
    errno = ENOENT;
    perror("a file");
    errno = EPERM;
    perror("");
    perror(NULL);
    psignal(SIGSEGV, "got");
    psignal(12345, NULL);
    errno = EBADF;
    warn("number %d", 7);
    errno = EBADF;
    warn(NULL);
    warnx("no errno %s", "here");
    printf("to stdout first\n");
    error(0, ENOMEM, "while %s", "working");
    error(0, 0, "plain");
    error_at_line(0, EIO, "file.c", 12, "at a line");
    error_one_per_line = 1;
    error_at_line(0, 0, "file.c", 13, "once");
    error_at_line(0, 0, "file.c", 13, "twice");
    fprintf(stderr, "count %u\n", error_message_count);
    switch (argc > 1 ? argv[1][0] : 0) {
    case 'e': errno = EEXIST; err(3, "leaving");
    case 'x': errx(4, "leaving without errno");
    case 'r': error(5, EACCES, "leaving");
    case 'a': assert(argc == 1 && "reason");
    }
    return 0;
}
