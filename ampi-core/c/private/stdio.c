/* stdin, stdout and stderr of a rank, and every function that uses them without naming them.
 *
 * The three are cookie streams: the bytes go to the runtime with the rank's descriptor number, so that it can tag them,
 * redirect them, or give a rank an empty standard input. Full-buffered output leaves in whole lines: what follows the
 * last newline of a full buffer waits in `held` for the next write or flush. A line is part of one write, and that write is
 * no longer than PIPE_BUF, up to which pipes do not mix what several write: so lines of ranks do not mix. (A line longer
 * than that is written in one piece as well, which files keep whole.)
 *
 * Other streams the rank opens are libc's own; they are remembered, because fflush(NULL) and exit mean the rank's streams
 * only. Their memory comes from the rank's heap (ampi_heap_redirect), so they can move with it.
 */
#include "private.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef stdin
#undef stdout
#undef stderr
FILE *stdin, *stdout, *stderr;

extern FILE *ampi_real_fopen(const char *, const char *);
extern FILE *ampi_real_fdopen(int, const char *);
extern FILE *ampi_real_freopen(const char *, const char *, FILE *);
extern FILE *ampi_real_tmpfile(void);
extern int ampi_real_fclose(FILE *);
extern int ampi_real_fflush(FILE *);
extern int ampi_real_fileno(FILE *);
extern void _IO_un_link(void *);
extern void _IO_link_in(void *);

/* ---- the streams over 0, 1, 2 */

static COLD char in_buf[4096], out_buf[8192], held[8192];
static size_t held_len;
struct std {
    int fd;
    FILE *file;
};
static struct std std[3];
/* Further streams over 0..2, made with fdopen. */
static struct std extra[8];

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = ampi_std_write(fd, p, n);
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* Writes as many whole lines at a time as a pipe takes in one piece. */
static int write_lines(int fd, const char *p, size_t n)
{
    while (n > PIPE_BUF) {
        const char *newline = memrchr(p, '\n', PIPE_BUF);
        if (newline == NULL)
            newline = memchr(p + PIPE_BUF, '\n', n - PIPE_BUF);
        size_t piece = newline ? (size_t)(newline + 1 - p) : n;
        if (write_all(fd, p, piece) < 0)
            return -1;
        p += piece;
        n -= piece;
    }
    return write_all(fd, p, n);
}

static int release_held(void)
{
    size_t n = held_len;
    held_len = 0;
    return n ? write_lines(1, held, n) : 0;
}

/* Writes what is held and the rest of its line, in one piece if there is room. Returns how much of `from` that took. */
static ssize_t end_held_line(const char *from, size_t n)
{
    if (held_len == 0)
        return 0;
    const char *newline = memchr(from, '\n', n);
    size_t rest = newline ? (size_t)(newline + 1 - from) : n;
    if (rest > sizeof held - held_len)
        rest = 0;
    memcpy(held + held_len, from, rest);
    held_len += rest;
    return release_held() < 0 ? -1 : (ssize_t)rest;
}

static ssize_t cookie_read(void *cookie, char *to, size_t n) { return ampi_std_read(((struct std *)cookie)->fd, to, n); }

static ssize_t cookie_write(void *cookie, const char *from, size_t n)
{
    struct std *s = cookie;
    size_t now = n, done = 0;
    if (s == &std[1]) {
        size_t tail = 0;
        if (stdout == s->file && __fbufsize(s->file) > 1 && !__flbf(s->file)) {
            const char *newline = memrchr(from, '\n', n);
            tail = newline ? (size_t)(from + n - newline - 1) : n;
            if (tail + (newline ? 0 : held_len) > sizeof held)
                tail = 0;
        }
        now = n - tail;
        if (now) {
            ssize_t ended = end_held_line(from, now);
            if (ended < 0)
                return 0;
            done = (size_t)ended;
        }
        if (tail) {
            memcpy(held + held_len, from + now, tail);
            held_len += tail;
        }
    }
    return now == done || write_lines(s->fd, from + done, now - done) == 0 ? (ssize_t)n : 0;
}

static int cookie_seek(void *cookie, off64_t *offset, int whence)
{
    off64_t r = ampi_std_seek(((struct std *)cookie)->fd, *offset, whence);
    if (r < 0)
        return -1;
    *offset = r;
    return 0;
}

static FILE *open_std(struct std *s, int fd, const char *mode)
{
    static const cookie_io_functions_t io = {cookie_read, cookie_write, cookie_seek, NULL};
    s->fd = fd;
    ampi_heap_redirect(1);
    s->file = fopencookie(s, mode, io);
    ampi_heap_redirect(-1);
    return s->file;
}

void init_stdio(void)
{
    stdin = open_std(&std[0], 0, "r");
    stdout = open_std(&std[1], 1, "w");
    stderr = open_std(&std[2], 2, "w");
    setvbuf(stdin, in_buf, _IOFBF, sizeof in_buf);
    setvbuf(stdout, out_buf, ampi_std_isatty(1) ? _IOLBF : _IOFBF, sizeof out_buf);
    setvbuf(stderr, NULL, _IONBF, 0);
}

static struct std *find_std(FILE *f)
{
    for (int i = 0; i < 3; i++)
        if (std[i].file == f)
            return &std[i];
    for (int i = 0; i < 8; i++)
        if (extra[i].file == f)
            return &extra[i];
    return NULL;
}

int std_descriptor(FILE *f)
{
    struct std *s = f ? find_std(f) : NULL;
    return s ? s->fd : -1;
}

int fileno(FILE *f)
{
    int fd = std_descriptor(f);
    return fd >= 0 ? fd : ampi_real_fileno(f);
}
int fileno_unlocked(FILE *f) { return fileno(f); }

/* ---- the rank's other streams */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracked {
    FILE *file;
    char *buf; /* in the rank's heap; libc would take its own later, outside the redirection */
} *files;
static size_t nfiles, room;

void track_file(FILE *f)
{
    if (f == NULL)
        return;
    char *buf = isatty(ampi_real_fileno(f)) ? NULL : malloc(4096);
    if (buf)
        setvbuf(f, buf, _IOFBF, 4096);
    pthread_mutex_lock(&lock);
    if (nfiles == room) {
        size_t want = room ? 2 * room : 16;
        struct tracked *grown = realloc(files, want * sizeof *grown);
        if (grown == NULL) { /* it will not be flushed at exit, and its buffer is lost */
            pthread_mutex_unlock(&lock);
            return;
        }
        files = grown, room = want;
    }
    files[nfiles++] = (struct tracked){f, buf};
    pthread_mutex_unlock(&lock);
}

void *untrack_file(FILE *f)
{
    void *buf = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = nfiles; i-- > 0;)
        if (files[i].file == f) {
            buf = files[i].buf;
            files[i] = files[--nfiles];
            break;
        }
    pthread_mutex_unlock(&lock);
    return buf;
}

#define TRACKED(open)                                                                                                    \
    ampi_heap_redirect(1);                                                                                               \
    FILE *f = open;                                                                                                      \
    ampi_heap_redirect(-1);                                                                                              \
    track_file(f);                                                                                                       \
    return f

FILE *fopen(const char *path, const char *mode) { TRACKED(ampi_real_fopen(path, mode)); }
FILE *fopen64(const char *path, const char *mode) { TRACKED(ampi_real_fopen(path, mode)); }
FILE *_IO_fopen(const char *path, const char *mode) { TRACKED(ampi_real_fopen(path, mode)); }
FILE *tmpfile(void) { TRACKED(ampi_real_tmpfile()); }
FILE *tmpfile64(void) { TRACKED(ampi_real_tmpfile()); }

FILE *fdopen(int fd, const char *mode)
{
    if (fd >= 0 && fd <= 2)
        for (int i = 0; i < 8; i++)
            if (extra[i].file == NULL)
                return open_std(&extra[i], fd, mode);
    TRACKED(ampi_real_fdopen(fd, mode));
}
FILE *_IO_fdopen(int fd, const char *mode) { return fdopen(fd, mode); }

int fflush(FILE *f)
{
    if (f == NULL) {
        flush_all();
        return 0;
    }
    int r = ampi_real_fflush(f);
    if (f == std[1].file && release_held() < 0)
        r = EOF;
    return r;
}
int fflush_unlocked(FILE *f) { return fflush(f); }
int _IO_fflush(FILE *f) { return fflush(f); }

/* Closing one of the three ends the rank's use of it, not the process's: the descriptor stays. */
int fclose(FILE *f)
{
    struct std *s = find_std(f);
    if (s >= extra && s < extra + 8) {
        int r = fflush(f);
        int closed = ampi_real_fclose(f);
        s->file = NULL;
        return r ? r : closed;
    }
    if (s) {
        int r = fflush(f);
        return ferror(f) ? EOF : r;
    }
    void *buf = untrack_file(f);
    int r = ampi_real_fclose(f);
    free(buf);
    return r;
}
int _IO_fclose(FILE *f) { return fclose(f); }

/* The stream object stays: everyone may hold its address. Only what the descriptor means changes. */
FILE *freopen(const char *path, const char *mode, FILE *f)
{
    struct std *s = find_std(f);
    if (s == NULL) {
        FILE *r = ampi_real_freopen(path, mode, f);
        if (r == NULL)
            free(untrack_file(f));
        return r;
    }
    fflush(f);
    __fpurge(f);
    clearerr(f);
    if (path == NULL)
        return f;
    int plus = strchr(mode, '+') != NULL;
    int flags = mode[0] == 'r' ? 0 : mode[0] == 'w' ? O_CREAT | O_TRUNC : O_CREAT | O_APPEND;
    flags |= plus ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    int fd = open(path, flags, 0666);
    if (fd < 0)
        return NULL;
    ampi_std_replace(s->fd, fd);
    if (f == std[1].file)
        setvbuf(f, out_buf, ampi_std_isatty(1) ? _IOLBF : _IOFBF, sizeof out_buf);
    return f;
}
FILE *freopen64(const char *path, const char *mode, FILE *f) { return freopen(path, mode, f); }

int fcloseall(void)
{
    flush_all();
    while (nfiles > 0)
        fclose(files[nfiles - 1].file);
    return 0;
}

/* ---- the rank as a whole */

void flush_all(void)
{
    fflush(std[1].file);
    fflush(std[2].file);
    for (int i = 0; i < 8; i++)
        if (extra[i].file)
            fflush(extra[i].file);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < nfiles; i++)
        if (__fwriting(files[i].file))
            ampi_real_fflush(files[i].file);
    pthread_mutex_unlock(&lock);
}

static void finish(void) { fcloseall(); }

static void each_file(void (*f)(void *))
{
    for (int i = 0; i < 3; i++)
        f(std[i].file);
    for (int i = 0; i < 8; i++)
        if (extra[i].file)
            f(extra[i].file);
    for (size_t i = 0; i < nfiles; i++)
        f(files[i].file);
}

static void depart(void) { each_file(_IO_un_link); }
static void arrive(void)
{
    each_file(_IO_link_in);
    locale_arrive();
}

HIDDEN const struct ampi_private_ops private_ops = {flush_all, finish, depart, arrive, locale_of_thread};
