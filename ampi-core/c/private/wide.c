/* Wide-character input and output on the standard streams. Cookie streams carry bytes only, so text is converted here
 * (in the current locale); other streams are libc's own. Wide scanf on stdin is not supported: it reports end of file. */
#include "private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define REAL(ret, name, ...) extern ret ampi_real_##name(__VA_ARGS__)
REAL(int, vfwprintf, FILE *, const wchar_t *, va_list);
REAL(int, __vfwprintf_chk, FILE *, int, const wchar_t *, va_list);
REAL(wint_t, fputwc, wchar_t, FILE *);
REAL(wint_t, fputwc_unlocked, wchar_t, FILE *);
REAL(int, fputws, const wchar_t *, FILE *);
REAL(int, fputws_unlocked, const wchar_t *, FILE *);
REAL(wint_t, fgetwc, FILE *);
REAL(wint_t, fgetwc_unlocked, FILE *);
REAL(wchar_t *, fgetws, wchar_t *, int, FILE *);
REAL(wint_t, ungetwc, wint_t, FILE *);
REAL(int, fwide, FILE *, int);

static mbstate_t out_state[3], in_state;
static signed char orientation[3];

static int narrow(FILE *f) { return std_descriptor(f) >= 0; }

static wint_t put(wchar_t c, FILE *f)
{
    char b[16];
    size_t n = wcrtomb(b, c, &out_state[std_descriptor(f)]);
    if (n == (size_t)-1)
        return WEOF;
    return fwrite(b, 1, n, f) == n ? (wint_t)c : WEOF;
}

static int put_all(const wchar_t *s, FILE *f)
{
    flockfile(f);
    int r = 1;
    for (; *s && r == 1; s++)
        if (put(*s, f) == WEOF)
            r = -1;
    funlockfile(f);
    return r;
}

static int print(FILE *f, const wchar_t *format, va_list ap)
{
    for (size_t n = 256;; n *= 2) {
        wchar_t *w = malloc(n * sizeof *w);
        if (w == NULL)
            return -1;
        va_list again;
        va_copy(again, ap);
        errno = 0;
        int r = vswprintf(w, n, format, again);
        va_end(again);
        if (r >= 0 || errno == EILSEQ || n > (1u << 26)) {
            if (r >= 0 && put_all(w, f) < 0)
                r = -1;
            free(w);
            return r;
        }
        free(w);
    }
}

#define WITH_ARGS(call)                                                                                                  \
    va_list ap;                                                                                                          \
    va_start(ap, s);                                                                                                     \
    int r = call;                                                                                                        \
    va_end(ap);                                                                                                          \
    return r
int vfwprintf(FILE *f, const wchar_t *s, va_list ap) { return narrow(f) ? print(f, s, ap) : ampi_real_vfwprintf(f, s, ap); }
int vwprintf(const wchar_t *s, va_list ap) { return print(stdout, s, ap); }
int fwprintf(FILE *f, const wchar_t *s, ...) { WITH_ARGS(vfwprintf(f, s, ap)); }
int wprintf(const wchar_t *s, ...) { WITH_ARGS(print(stdout, s, ap)); }
int __vfwprintf_chk(FILE *f, int flag, const wchar_t *s, va_list ap)
{
    return narrow(f) ? print(f, s, ap) : ampi_real___vfwprintf_chk(f, flag, s, ap);
}
int __vwprintf_chk(int flag, const wchar_t *s, va_list ap) { return __vfwprintf_chk(stdout, flag, s, ap); }
int __fwprintf_chk(FILE *f, int flag, const wchar_t *s, ...) { WITH_ARGS(__vfwprintf_chk(f, flag, s, ap)); }
int __wprintf_chk(int flag, const wchar_t *s, ...) { WITH_ARGS(__vfwprintf_chk(stdout, flag, s, ap)); }

wint_t fputwc(wchar_t c, FILE *f) { return narrow(f) ? put(c, f) : ampi_real_fputwc(c, f); }
wint_t putwc(wchar_t c, FILE *f) { return fputwc(c, f); }
wint_t putwchar(wchar_t c) { return fputwc(c, stdout); }
wint_t fputwc_unlocked(wchar_t c, FILE *f) { return narrow(f) ? put(c, f) : ampi_real_fputwc_unlocked(c, f); }
wint_t putwc_unlocked(wchar_t c, FILE *f) { return fputwc_unlocked(c, f); }
wint_t putwchar_unlocked(wchar_t c) { return fputwc_unlocked(c, stdout); }
int fputws(const wchar_t *s, FILE *f) { return narrow(f) ? put_all(s, f) : ampi_real_fputws(s, f); }
int fputws_unlocked(const wchar_t *s, FILE *f) { return narrow(f) ? put_all(s, f) : ampi_real_fputws_unlocked(s, f); }

static wint_t get(FILE *f)
{
    for (int c; (c = getc(f)) != EOF;) {
        char b = (char)c;
        wchar_t w;
        size_t n = mbrtowc(&w, &b, 1, &in_state);
        if (n == (size_t)-1)
            return WEOF;
        if (n != (size_t)-2)
            return (wint_t)w;
    }
    return WEOF;
}

wint_t fgetwc(FILE *f) { return narrow(f) ? get(f) : ampi_real_fgetwc(f); }
wint_t getwc(FILE *f) { return fgetwc(f); }
wint_t getwchar(void) { return fgetwc(stdin); }
wint_t fgetwc_unlocked(FILE *f) { return narrow(f) ? get(f) : ampi_real_fgetwc_unlocked(f); }
wint_t getwc_unlocked(FILE *f) { return fgetwc_unlocked(f); }
wint_t getwchar_unlocked(void) { return fgetwc_unlocked(stdin); }

wchar_t *fgetws(wchar_t *to, int n, FILE *f)
{
    if (!narrow(f))
        return ampi_real_fgetws(to, n, f);
    int i = 0;
    while (i + 1 < n) {
        wint_t c = get(f);
        if (c == WEOF)
            break;
        to[i++] = (wchar_t)c;
        if (c == L'\n')
            break;
    }
    if (i == 0)
        return NULL;
    to[i] = 0;
    return to;
}

wint_t ungetwc(wint_t c, FILE *f)
{
    if (!narrow(f))
        return ampi_real_ungetwc(c, f);
    char b[16];
    mbstate_t s = {0};
    size_t n = c == WEOF ? (size_t)-1 : wcrtomb(b, (wchar_t)c, &s);
    if (n == (size_t)-1)
        return WEOF;
    while (n-- > 0)
        if (ungetc((unsigned char)b[n], f) == EOF)
            return WEOF;
    return c;
}

int fwide(FILE *f, int mode)
{
    int fd = std_descriptor(f);
    if (fd < 0)
        return ampi_real_fwide(f, mode);
    if (orientation[fd] == 0)
        orientation[fd] = (signed char)((mode > 0) - (mode < 0));
    return orientation[fd];
}
