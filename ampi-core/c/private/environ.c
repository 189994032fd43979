/* The environment of a rank. `environ` starts as the array the loader built; the first change copies it, so that it can
 * grow. Strings made by setenv are never freed: a pointer from getenv stays valid, as in glibc. */
#include "private.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

char **__environ;
extern char **environ ALIAS(__environ);
extern char **_environ ALIAS(__environ);

extern int ampi_real_setenv(const char *, const char *, int);
extern int ampi_real_unsetenv(const char *);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **owned; /* our array, if environ is one */
static size_t room;  /* entries it has room for, with the final NULL */

void init_environ(char **envp) { environ = envp; }

static char **find(const char *name, size_t len)
{
    if (environ == NULL)
        return NULL;
    for (char **e = environ; *e != NULL; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return e;
    return NULL;
}

char *getenv(const char *name)
{
    size_t len = strlen(name);
    if (len == 0)
        return NULL;
    char **e = find(name, len);
    return e ? *e + len + 1 : NULL;
}

char *secure_getenv(const char *name) { return getenv(name); }
char *__secure_getenv(const char *name) { return getenv(name); }

/* Puts `entry` ("NAME=value") in the array, in place of an entry of that name. */
static int put(char *entry, size_t name_len)
{
    char **e = find(entry, name_len);
    if (e) {
        *e = entry;
        return 0;
    }
    size_t n = 0;
    while (environ && environ[n])
        n++;
    if (environ != owned || owned == NULL || n + 2 > room) {
        size_t want = (n + 2) * 2;
        char **grown = malloc(want * sizeof *grown);
        if (grown == NULL)
            return -1;
        if (n)
            memcpy(grown, environ, n * sizeof *grown);
        free(owned);
        owned = grown, room = want;
        environ = owned;
    }
    environ[n] = entry;
    environ[n + 1] = NULL;
    return 0;
}

static int bad_name(const char *name)
{
    if (name != NULL && *name != '\0' && strchr(name, '=') == NULL)
        return 0;
    errno = EINVAL;
    return 1;
}

int setenv(const char *name, const char *value, int replace)
{
    if (bad_name(name))
        return -1;
    size_t len = strlen(name), vlen = strlen(value);
    int r = 0;
    pthread_mutex_lock(&lock);
    if (replace || !find(name, len)) {
        char *entry = malloc(len + vlen + 2);
        if (entry) {
            memcpy(entry, name, len);
            entry[len] = '=';
            memcpy(entry + len + 1, value, vlen + 1);
            r = put(entry, len);
        } else
            r = -1;
    }
    pthread_mutex_unlock(&lock);
    /* The time zone is a property of the process: libc reads TZ of the real environment. */
    if (r == 0 && strcmp(name, "TZ") == 0)
        ampi_real_setenv(name, value, replace);
    return r;
}

int unsetenv(const char *name)
{
    if (bad_name(name))
        return -1;
    size_t len = strlen(name);
    pthread_mutex_lock(&lock);
    for (char **e; (e = find(name, len)) != NULL;)
        do
            e[0] = e[1];
        while (*e++ != NULL);
    pthread_mutex_unlock(&lock);
    if (strcmp(name, "TZ") == 0)
        ampi_real_unsetenv(name);
    return 0;
}

int putenv(char *entry)
{
    char *eq = strchr(entry, '=');
    if (eq == NULL) {
        unsetenv(entry);
        return 0;
    }
    pthread_mutex_lock(&lock);
    int r = put(entry, (size_t)(eq - entry));
    pthread_mutex_unlock(&lock);
    if (r == 0 && strncmp(entry, "TZ=", 3) == 0)
        ampi_real_setenv("TZ", eq + 1, 1);
    return r;
}

int clearenv(void)
{
    pthread_mutex_lock(&lock);
    free(owned);
    owned = NULL;
    environ = NULL;
    pthread_mutex_unlock(&lock);
    return 0;
}
