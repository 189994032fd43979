/* The standard streams: formatted, wide, redirected, flushed, closed. Input: see private_state.rs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

int main(int argc, char **argv)
{
    int a, b;
    char word[20], line[100];
    printf("%d %d %d\n", fileno(stdin), fileno(stdout), fileno(stderr));
    printf("%d ", scanf("%d %d %19s", &a, &b, word));
    printf("%d %d %s %c", a, b, word, getchar());
    printf("%s", fgets(line, sizeof line, stdin));
    ungetc('Z', stdin);
    printf("%c", getchar());
    size_t n = 0;
    char *l = NULL;
    ssize_t len = getline(&l, &n, stdin);
    printf("%zd %s", len, l);
    free(l);
    for (int c; (c = getc(stdin)) != EOF;)
        putchar(c);
    printf("eof %d\n", feof(stdin) != 0);
    puts("puts");
    fputs("no newline", stdout);
    fflush(stdout);
    fputs("err", stderr);
    dprintf(1, " dprintf %d\n", 1);
    fputs("buffered ", stdout);
    for (int i = 0; i < 3000; i++)
        printf("line %d of many\n", i);
    fflush(NULL);
    write(1, "raw\n", 4);
    char name[] = "/tmp/private_state_XXXXXX";
    close(mkstemp(name));
    FILE *f = fopen(name, "w+");
    fprintf(f, "into a file %d\n", 5);
    rewind(f);
    printf("%s", fgets(line, sizeof line, f));
    fflush(NULL);
    f = freopen(name, "r", f);
    printf("%s", fgets(line, sizeof line, f));
    printf("%d\n", fclose(f));
    printf("%ls|%lc\n", L"wide in narrow", L'w');
    fflush(stdout);

    if (argc > 1 && argv[1][0] == 'r') { /* redirect stdout into a file, then show it */
        if (freopen(name, "w", stdout) != stdout)
            return 9;
        printf("redirected %d\n", fileno(stdout));
        fflush(stdout);
        system("echo from a child");
        freopen(name, "r", stdin);
        while (fgets(line, sizeof line, stdin))
            fprintf(stderr, "got %s", line);
    }
    unlink(name);
    if (argc > 1 && argv[1][0] == 'c') {
        printf("closing");
        fprintf(stderr, "%d\n", fclose(stdout));
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("unbuffered ");
    fputs("before ", stderr);
    setvbuf(stdout, NULL, _IOFBF, 4096);
    printf("at exit");
    exit(3);
}
