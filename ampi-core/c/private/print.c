/* Formatted and plain input and output on stdin and stdout. */
#include "private.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef putchar
#undef getchar
#undef putchar_unlocked
#undef getchar_unlocked

extern int __vfprintf_chk(FILE *, int, const char *, va_list);
extern int __vasprintf_chk(char **, int, const char *, va_list);
extern int __isoc99_vfscanf(FILE *, const char *, va_list);
/* The C89 scanf ("%as" allocates): the header would redirect plain vfscanf to the C99 one. */
extern int vfscanf_c89(FILE *, const char *, va_list) __asm__("ampi_real_vfscanf");

#define WITH_ARGS(type, call)                                                                                            \
    va_list ap;                                                                                                          \
    va_start(ap, f);                                                                                                     \
    type r = call;                                                                                                       \
    va_end(ap);                                                                                                          \
    return r

int vprintf(const char *f, va_list ap) { return vfprintf(stdout, f, ap); }
int printf(const char *f, ...) { WITH_ARGS(int, vfprintf(stdout, f, ap)); }
int _IO_printf(const char *f, ...) { WITH_ARGS(int, vfprintf(stdout, f, ap)); }
int __vprintf_chk(int flag, const char *f, va_list ap) { return __vfprintf_chk(stdout, flag, f, ap); }
int __printf_chk(int flag, const char *f, ...) { WITH_ARGS(int, __vfprintf_chk(stdout, flag, f, ap)); }

int puts(const char *s)
{
    flockfile(stdout);
    int r = fputs(s, stdout) < 0 || putc_unlocked('\n', stdout) == EOF ? EOF : (int)strlen(s) + 1;
    funlockfile(stdout);
    return r;
}
int _IO_puts(const char *s) { return puts(s); }
int putchar(int c) { return putc(c, stdout); }
int putchar_unlocked(int c) { return putc_unlocked(c, stdout); }

int getchar(void) { return getc(stdin); }
int getchar_unlocked(void) { return getc_unlocked(stdin); }

static char *get_line(char *s, size_t n)
{
    size_t i = 0;
    int c;
    while ((c = getc(stdin)) != EOF && c != '\n') {
        if (i + 1 >= n)
            abort(); /* gets with a known buffer size: an overflow */
        s[i++] = (char)c;
    }
    if (c == EOF && (i == 0 || ferror(stdin)))
        return NULL;
    s[i] = '\0';
    return s;
}
char *gets(char *s) { return get_line(s, (size_t)-1); }
char *_IO_gets(char *s) { return get_line(s, (size_t)-1); }
char *__gets_chk(char *s, size_t n) { return get_line(s, n); }

int __isoc99_vscanf(const char *f, va_list ap) { return __isoc99_vfscanf(stdin, f, ap); }
int __isoc99_scanf(const char *f, ...) { WITH_ARGS(int, __isoc99_vfscanf(stdin, f, ap)); }
int vscanf_c89(const char *f, va_list ap) __asm__("vscanf");
int vscanf_c89(const char *f, va_list ap) { return vfscanf_c89(stdin, f, ap); }
int scanf_c89(const char *f, ...) __asm__("scanf");
int scanf_c89(const char *f, ...) { WITH_ARGS(int, vfscanf_c89(stdin, f, ap)); }

/* dprintf on 1 and 2 passes through the runtime like every other write of the rank. */
static int print_fd(int fd, int flag, const char *f, va_list ap)
{
    char *text;
    int n = flag < 0 ? vasprintf(&text, f, ap) : __vasprintf_chk(&text, flag, f, ap);
    if (n < 0)
        return n;
    for (int done = 0; done < n;) {
        ssize_t w = write(fd, text + done, (size_t)(n - done));
        if (w < 0) {
            n = -1;
            break;
        }
        done += (int)w;
    }
    free(text);
    return n;
}
int vdprintf(int fd, const char *f, va_list ap) { return print_fd(fd, -1, f, ap); }
int dprintf(int fd, const char *f, ...) { WITH_ARGS(int, print_fd(fd, -1, f, ap)); }
int __vdprintf_chk(int fd, int flag, const char *f, va_list ap) { return print_fd(fd, flag, f, ap); }
int __dprintf_chk(int fd, int flag, const char *f, ...) { WITH_ARGS(int, print_fd(fd, flag, f, ap)); }
