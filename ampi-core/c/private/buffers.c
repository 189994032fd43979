/* Functions that return a static buffer or keep a static cursor: each is its re-entrant sister plus private storage. */
#include "private.h"
#include <errno.h>
#include <grp.h>
#include <math.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* strings */
static char *strtok_next;
char *strtok(char *s, const char *delimiters) { return strtok_r(s, delimiters, &strtok_next); }

/* time: the zone is the process's (libc reads it from the real environment), the variables are the rank's */
char *__tzname[2] = {"GMT", "GMT"};
long __timezone;
int __daylight;
extern char *tzname[2] ALIAS(__tzname);
extern long timezone ALIAS(__timezone);
extern int daylight ALIAS(__daylight);
/* Weak: absent when this library stands in for libc's variables itself (LD_PRELOAD, in tests). */
extern char *ampi_real_tzname[2] __attribute__((weak));
extern long ampi_real_timezone __attribute__((weak));
extern int ampi_real_daylight __attribute__((weak));
extern void ampi_real_tzset(void);
void tzset(void)
{
    ampi_real_tzset();
    if (&ampi_real_timezone == NULL)
        return;
    tzname[0] = ampi_real_tzname[0];
    tzname[1] = ampi_real_tzname[1];
    timezone = ampi_real_timezone;
    daylight = ampi_real_daylight;
}
static struct tm tm_buf;
static char asctime_buf[64];
struct tm *localtime(const time_t *t)
{
    tzset();
    return localtime_r(t, &tm_buf);
}
struct tm *gmtime(const time_t *t) { return gmtime_r(t, &tm_buf); }
char *asctime(const struct tm *tm) { return asctime_r(tm, asctime_buf); }
char *ctime(const time_t *t)
{
    struct tm *tm = localtime(t);
    return tm ? asctime(tm) : NULL;
}

/* the hash table of hcreate */
static struct hsearch_data table;
int hcreate(size_t n) { return hcreate_r(n, &table); }
void hdestroy(void) { hdestroy_r(&table); }
ENTRY *hsearch(ENTRY item, ACTION action)
{
    ENTRY *found;
    hsearch_r(item, action, &found, &table);
    return found;
}

/* the sign of gamma */
int signgam;
double lgamma(double x) { return lgamma_r(x, &signgam); }
float lgammaf(float x) { return lgammaf_r(x, &signgam); }
long double lgammal(long double x) { return lgammal_r(x, &signgam); }
double gamma(double x) { return lgamma_r(x, &signgam); }

/* digits */
static COLD char digits[400];
char *ecvt(double v, int n, int *point, int *negative)
{
    ecvt_r(v, n, point, negative, digits, sizeof digits);
    return digits;
}
char *fcvt(double v, int n, int *point, int *negative)
{
    fcvt_r(v, n, point, negative, digits, sizeof digits);
    return digits;
}
char *l64a(long n)
{
    static const char set[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static char buf[7];
    unsigned long m = (unsigned long)n & 0xffffffff;
    int i = 0;
    for (; m; m >>= 6)
        buf[i++] = set[m & 63];
    buf[i] = '\0';
    return buf;
}

/* names of terminals, users, files */
static COLD char path_buf[4096];
char *ttyname(int fd) { return ttyname_r(fd, path_buf, sizeof path_buf) ? NULL : path_buf; }
char *getlogin(void) { return getlogin_r(path_buf, sizeof path_buf) ? NULL : path_buf; }
char *ptsname(int fd) { return ptsname_r(fd, path_buf, sizeof path_buf) ? NULL : path_buf; }
char *ether_ntoa(const struct ether_addr *a)
{
    static char buf[18];
    return ether_ntoa_r(a, buf);
}
struct ether_addr *ether_aton(const char *s)
{
    static struct ether_addr a;
    return ether_aton_r(s, &a);
}

/* Users, groups, hosts: `call` is repeated with a larger buffer until it fits. */
#define GROWING(call)                                                                                                    \
    do {                                                                                                                 \
        if (buf == NULL && (buf = malloc(size)) == NULL)                                                                 \
            return NULL;                                                                                                 \
        int err;                                                                                                         \
        while ((err = (call)) == ERANGE) {                                                                               \
            char *grown = realloc(buf, size * 2);                                                                        \
            if (grown == NULL)                                                                                           \
                return NULL;                                                                                             \
            buf = grown, size *= 2;                                                                                      \
        }                                                                                                                \
        if (err)                                                                                                         \
            errno = err;                                                                                                 \
        return found;                                                                                                    \
    } while (0)

#define STATIC_ENTRY(type, name, params, ...)                                                                            \
    type *name params                                                                                                    \
    {                                                                                                                    \
        static COLD type entry;                                                                                           \
        static char *buf;                                                                                                \
        static size_t size = 1024;                                                                                       \
        type *found = NULL;                                                                                              \
        GROWING(__VA_ARGS__);                                                                                            \
    }

STATIC_ENTRY(struct passwd, getpwnam, (const char *n), getpwnam_r(n, &entry, buf, size, &found))
STATIC_ENTRY(struct passwd, getpwuid, (uid_t u), getpwuid_r(u, &entry, buf, size, &found))
STATIC_ENTRY(struct group, getgrnam, (const char *n), getgrnam_r(n, &entry, buf, size, &found))
STATIC_ENTRY(struct group, getgrgid, (gid_t g), getgrgid_r(g, &entry, buf, size, &found))
STATIC_ENTRY(struct hostent, gethostbyname, (const char *n), gethostbyname_r(n, &entry, buf, size, &found, &h_errno))
STATIC_ENTRY(struct hostent, gethostbyname2, (const char *n, int af),
             gethostbyname2_r(n, af, &entry, buf, size, &found, &h_errno))
STATIC_ENTRY(struct hostent, gethostbyaddr, (const void *a, socklen_t len, int af),
             gethostbyaddr_r(a, len, af, &entry, buf, size, &found, &h_errno))
STATIC_ENTRY(struct servent, getservbyname, (const char *n, const char *p),
             getservbyname_r(n, p, &entry, buf, size, &found))
STATIC_ENTRY(struct servent, getservbyport, (int port, const char *p), getservbyport_r(port, p, &entry, buf, size, &found))
STATIC_ENTRY(struct protoent, getprotobyname, (const char *n), getprotobyname_r(n, &entry, buf, size, &found))
STATIC_ENTRY(struct protoent, getprotobynumber, (int n), getprotobynumber_r(n, &entry, buf, size, &found))
