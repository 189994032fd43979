/* Descriptors 0 to 2, working directory, umask, children: each rank's own. Prints the same as a plain process. */
#define _GNU_SOURCE
#include "../guests/test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char *slurp(const char *path)
{
    static char text[1000];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

int main(void)
{
    char dir[] = "/tmp/libc_guests_XXXXXX", here[200], path[300];
    CHECK(mkdtemp(dir));
    /* Two files kept open over moves: buffered writes and reads. */
    snprintf(path, sizeof path, "%s/kept", dir);
    FILE *kept = fopen(path, "w+");
    fprintf(kept, "one ");
    ampi_test_yield();

    CHECK(chdir(dir) == 0);
    umask(0);
    ampi_test_yield();
    CHECK(getcwd(here, sizeof here) && strcmp(here, dir) == 0);
    CHECK(mkdir("sub", 0777) == 0 && chdir("sub") == 0);
    ampi_test_yield();
    struct stat st;
    CHECK(stat("../sub", &st) == 0 && (st.st_mode & 0777) == 0777 && umask(022) == 0);

    /* The shell's idioms. */
    printf("before\n");
    fflush(stdout);
    int saved = dup(1);
    CHECK(saved > 2 && close(1) == 0 && write(1, "x", 1) == -1 && errno == EBADF);
    CHECK(open("out", O_CREAT | O_WRONLY | O_TRUNC, 0666) == 1);
    ampi_test_yield();
    printf("into a file\n");
    fflush(stdout);
    CHECK(dup2(1, 2) == 2 && write(2, "stderr too\n", 11) == 11);
    struct iovec v[2] = {{"vec", 3}, {"tor\n", 4}};
    CHECK(writev(1, v, 2) == 7 && dprintf(1, "%s\n", "dprintf") == 8);
    CHECK(system("echo shell; echo shell error >&2; pwd | sed 's/.*\\///'") == 0);
    CHECK(fstat(1, &st) == 0 && S_ISREG(st.st_mode) && !isatty(1));
    CHECK(dup2(saved, 1) == 1 && close(saved) == 0);
    printf("%s", slurp("out"));
    CHECK(lseek(2, 0, SEEK_CUR) > 0);

    /* Children. */
    int ends[2], status;
    CHECK(pipe(ends) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        execlp("sh", "sh", "-c", "read x; echo child got \"[$x]\" $FOO", (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    struct pollfd p = {ends[0], POLLIN, 0};
    CHECK(poll(&p, 1, 5000) == 1);
    char text[100] = "";
    CHECK(read(ends[0], text, sizeof text - 1) > 0 && waitpid(-1, &status, 0) == child && status == 0);
    printf("%s", text);
    CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
    child = fork();
    if (child == 0) {
        printf("the child's own exit\n");
        exit(7);
    }
    CHECK(wait(&status) == child && WEXITSTATUS(status) == 7);

    ampi_test_yield();
    fprintf(kept, "two\n");
    rewind(kept);
    CHECK(fgets(text, 6, kept));
    ampi_test_yield();
    printf("%s|%s", text, fgets(here, sizeof here, kept));
    fclose(kept);
    snprintf(text, sizeof text, "rm -r %s", dir);
    CHECK(chdir("/") == 0 && system(text) == 0);
    return 0;
}
