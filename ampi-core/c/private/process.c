/* Starting other programs with the rank's own environment and standard descriptors. */
#include "private.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern FILE *ampi_real_fdopen(int, const char *);
extern int ampi_real_fclose(FILE *);

int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }
int execvp(const char *file, char *const argv[]) { return execvpe(file, argv, environ); }

/* Collects the arguments of the execl family. */
#define COLLECT(first)                                                                                                   \
    va_list ap;                                                                                                          \
    int n = 1;                                                                                                           \
    va_start(ap, first);                                                                                                 \
    while (va_arg(ap, char *) != NULL)                                                                                   \
        n++;                                                                                                             \
    va_end(ap);                                                                                                          \
    char *argv[n + 1];                                                                                                   \
    argv[0] = (char *)first;                                                                                             \
    va_start(ap, first);                                                                                                 \
    for (int i = 1; i <= n; i++)                                                                                         \
        argv[i] = va_arg(ap, char *)

int execl(const char *path, const char *arg, ...)
{
    COLLECT(arg);
    va_end(ap);
    return execve(path, argv, environ);
}

int execlp(const char *file, const char *arg, ...)
{
    COLLECT(arg);
    va_end(ap);
    return execvpe(file, argv, environ);
}

int execle(const char *path, const char *arg, ...)
{
    COLLECT(arg);
    char **envp = va_arg(ap, char **);
    va_end(ap);
    return execve(path, argv, envp);
}

/* Waits without holding up the other ranks (waitpid is the runtime's). */
static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

int system(const char *command)
{
    if (command == NULL)
        return system("exit 0") == 0;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid < 0 ? -1 : wait_for(pid);
}

/* popen: the children, in the order of their streams. */
struct child {
    FILE *file;
    pid_t pid;
    struct child *next;
};
static struct child *children;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

FILE *popen(const char *command, const char *mode)
{
    int ends[2], reads = strchr(mode, 'r') != NULL;
    if (reads == (strchr(mode, 'w') != NULL)) {
        errno = EINVAL;
        return NULL;
    }
    struct child *c = malloc(sizeof *c);
    if (c == NULL || pipe2(ends, O_CLOEXEC) < 0) {
        free(c);
        return NULL;
    }
    int ours = ends[!reads], theirs = ends[reads];
    c->pid = fork();
    if (c->pid == 0) {
        dup2(theirs, reads ? 1 : 0);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(theirs);
    ampi_heap_redirect(1);
    c->file = c->pid < 0 ? NULL : ampi_real_fdopen(ours, reads ? "r" : "w");
    ampi_heap_redirect(-1);
    if (c->file == NULL) {
        close(ours);
        free(c);
        return NULL;
    }
    if (strchr(mode, 'e') == NULL)
        fcntl(ours, F_SETFD, 0);
    track_file(c->file);
    pthread_mutex_lock(&lock);
    c->next = children;
    children = c;
    pthread_mutex_unlock(&lock);
    return c->file;
}

int pclose(FILE *f)
{
    pthread_mutex_lock(&lock);
    struct child **at = &children;
    while (*at && (*at)->file != f)
        at = &(*at)->next;
    struct child *c = *at;
    if (c)
        *at = c->next;
    pthread_mutex_unlock(&lock);
    void *buf = untrack_file(f);
    ampi_real_fclose(f);
    free(buf);
    if (c == NULL) {
        errno = ECHILD;
        return -1;
    }
    int r = wait_for(c->pid);
    free(c);
    return r;
}
