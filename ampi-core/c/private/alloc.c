/* libc functions that return memory to be freed by the caller, or keep memory in an object the caller owns: while they
 * run, allocations inside glibc come from the rank's heap, so that what they return moves with the rank. (free works on
 * either heap's blocks, so a function missing here is no error, only a block that stays behind.) */
#include "private.h"
#include <dirent.h>
#include <glob.h>
#include <netdb.h>
#include <regex.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>
#include <wordexp.h>

#define REDIRECTED(type, call)                                                                                           \
    ampi_heap_redirect(1);                                                                                               \
    type r = call;                                                                                                       \
    ampi_heap_redirect(-1);                                                                                              \
    return r

#define WRAP(type, name, params, args)                                                                                   \
    extern type ampi_real_##name params;                                                                                 \
    type name params { REDIRECTED(type, ampi_real_##name args); }

#define WRAP_PRINTF(name, leading, args)                                                                                 \
    int name leading                                                                                                     \
    {                                                                                                                    \
        va_list ap;                                                                                                      \
        va_start(ap, f);                                                                                                 \
        ampi_heap_redirect(1);                                                                                           \
        int r = args;                                                                                                    \
        ampi_heap_redirect(-1);                                                                                          \
        va_end(ap);                                                                                                      \
        return r;                                                                                                        \
    }

WRAP(int, vasprintf, (char **to, const char *f, va_list ap), (to, f, ap))
WRAP(int, __vasprintf_chk, (char **to, int flag, const char *f, va_list ap), (to, flag, f, ap))
WRAP_PRINTF(asprintf, (char **to, const char *f, ...), ampi_real_vasprintf(to, f, ap))
WRAP_PRINTF(__asprintf, (char **to, const char *f, ...), ampi_real_vasprintf(to, f, ap))
WRAP_PRINTF(__asprintf_chk, (char **to, int flag, const char *f, ...), ampi_real___vasprintf_chk(to, flag, f, ap))

WRAP(ssize_t, getline, (char **line, size_t *n, FILE *f), (line, n, f))
WRAP(ssize_t, getdelim, (char **line, size_t *n, int d, FILE *f), (line, n, d, f))
WRAP(ssize_t, __getdelim, (char **line, size_t *n, int d, FILE *f), (line, n, d, f))
WRAP(FILE *, open_memstream, (char **to, size_t *n), (to, n))
WRAP(FILE *, open_wmemstream, (wchar_t **to, size_t *n), (to, n))
WRAP(FILE *, fmemopen, (void *buf, size_t n, const char *mode), (buf, n, mode))

WRAP(char *, realpath, (const char *path, char *to), (path, to))
WRAP(char *, __realpath_chk, (const char *path, char *to, size_t n), (path, to, n))
WRAP(char *, canonicalize_file_name, (const char *path), (path))
WRAP(char *, getcwd, (char *to, size_t n), (to, n))
WRAP(char *, __getcwd_chk, (char *to, size_t n, size_t room), (to, n, room))
WRAP(char *, get_current_dir_name, (void), ())
WRAP(char *, tempnam, (const char *dir, const char *prefix), (dir, prefix))
WRAP(wchar_t *, wcsdup, (const wchar_t *s), (s))

WRAP(DIR *, opendir, (const char *path), (path))
WRAP(DIR *, fdopendir, (int fd), (fd))
WRAP(int, scandir,
     (const char *dir, struct dirent ***list, int (*keep)(const struct dirent *),
      int (*order)(const struct dirent **, const struct dirent **)),
     (dir, list, keep, order))
WRAP(int, scandir64,
     (const char *dir, struct dirent64 ***list, int (*keep)(const struct dirent64 *),
      int (*order)(const struct dirent64 **, const struct dirent64 **)),
     (dir, list, keep, order))
WRAP(int, glob, (const char *p, int flags, int (*err)(const char *, int), glob_t *to), (p, flags, err, to))
WRAP(int, glob64, (const char *p, int flags, int (*err)(const char *, int), glob64_t *to), (p, flags, err, to))
WRAP(int, regcomp, (regex_t *to, const char *p, int flags), (to, p, flags))
WRAP(void *, tsearch, (const void *key, void **root, int (*cmp)(const void *, const void *)), (key, root, cmp))
WRAP(int, getaddrinfo,
     (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **to),
     (host, service, hints, to))
