/* Messages on the rank's stderr under the rank's program name: perror, psignal, err.h, error.h, assert. */
#include "private.h"
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <error.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

extern char *__progname;

void perror(const char *s)
{
    int e = errno;
    const char *sep = s && *s ? ": " : "";
    fprintf(stderr, "%s%s%s\n", s ? s : "", sep, strerror(e));
}

void psignal(int sig, const char *s)
{
    const char *sep = s && *s ? ": " : "";
    const char *d = sigdescr_np(sig);
    if (d)
        fprintf(stderr, "%s%s%s\n", s ? s : "", sep, d);
    else
        fprintf(stderr, "%s%sUnknown signal %d\n", s ? s : "", sep, sig);
}

void herror(const char *s)
{
    fprintf(stderr, "%s%s%s\n", s ? s : "", s && *s ? ": " : "", hstrerror(h_errno));
}

/* err.h */
static void say(int with_errno, const char *f, va_list ap)
{
    int e = errno;
    flockfile(stderr);
    fprintf(stderr, "%s: ", __progname);
    if (f) {
        vfprintf(stderr, f, ap);
        if (with_errno)
            fputs(": ", stderr);
    }
    if (with_errno) {
        errno = e;
        fprintf(stderr, "%m");
    }
    fputc('\n', stderr);
    funlockfile(stderr);
}

void vwarn(const char *f, va_list ap) { say(1, f, ap); }
void vwarnx(const char *f, va_list ap) { say(0, f, ap); }
void verr(int status, const char *f, va_list ap)
{
    say(1, f, ap);
    exit(status);
}
void verrx(int status, const char *f, va_list ap)
{
    say(0, f, ap);
    exit(status);
}
#define WITH_ARGS(call)                                                                                                  \
    va_list ap;                                                                                                          \
    va_start(ap, f);                                                                                                     \
    call;                                                                                                                \
    va_end(ap)
void warn(const char *f, ...) { WITH_ARGS(vwarn(f, ap)); }
void warnx(const char *f, ...) { WITH_ARGS(vwarnx(f, ap)); }
void err(int status, const char *f, ...)
{
    WITH_ARGS(say(1, f, ap));
    exit(status);
}
void errx(int status, const char *f, ...)
{
    WITH_ARGS(say(0, f, ap));
    exit(status);
}

/* error.h */
unsigned error_message_count;
int error_one_per_line;
void (*error_print_progname)(void);

static void tail(int status, int e, const char *f, va_list ap)
{
    vfprintf(stderr, f, ap);
    error_message_count++;
    if (e)
        fprintf(stderr, ": %s", strerror(e));
    fputc('\n', stderr);
    fflush(stderr);
    if (status)
        exit(status);
}

void error(int status, int e, const char *f, ...)
{
    fflush(stdout);
    if (error_print_progname)
        error_print_progname();
    else
        fprintf(stderr, "%s: ", program_invocation_name);
    WITH_ARGS(tail(status, e, f, ap));
}

void error_at_line(int status, int e, const char *file, unsigned line, const char *f, ...)
{
    static const char *last_file;
    static unsigned last_line;
    if (error_one_per_line) {
        if (last_line == line && (file == last_file || (file && last_file && strcmp(file, last_file) == 0)))
            return;
        last_file = file;
        last_line = line;
    }
    fflush(stdout);
    if (error_print_progname)
        error_print_progname();
    else
        fprintf(stderr, "%s:", program_invocation_name);
    fprintf(stderr, file ? "%s:%u: " : " ", file, line);
    WITH_ARGS(tail(status, e, f, ap));
}

/* assert.h */
void __assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    fprintf(stderr, "%s%s%s:%u: %s%sAssertion `%s' failed.\n", __progname, *__progname ? ": " : "", file, line,
            function ? function : "", function ? ": " : "", what);
    fflush(stderr);
    abort();
}

void __assert_perror_fail(int e, const char *file, unsigned line, const char *function)
{
    fprintf(stderr, "%s%s%s:%u: %s%sUnexpected error: %s.\n", __progname, *__progname ? ": " : "", file, line,
            function ? function : "", function ? ": " : "", strerror(e));
    fflush(stderr);
    abort();
}

void __assert(const char *what, const char *file, int line) { __assert_fail(what, file, (unsigned)line, NULL); }
