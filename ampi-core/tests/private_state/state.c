/* strtok, time, hash table, environment, users, names. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void show(const char *name)
{
    const char *v = getenv(name);
    printf("%s=%s ", name, v ? v : "(none)");
}

static int count(void)
{
    int n = 0;
    while (environ && environ[n])
        n++;
    return n;
}

int main(void)
{
    char text[] = "a,b;;c d,,e";
    for (char *t = strtok(text, ",;"); t; t = strtok(NULL, ", "))
        printf("[%s]", t);
    time_t when = 1700000000;
    putchar('\n');
    for (int i = 0; i < 3; i++) {
        const char *zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT"};
        setenv("TZ", zones[i], 1);
        tzset();
        struct tm *l = localtime(&when);
        printf("%d:%d %s ", l->tm_hour, l->tm_min, l->tm_zone);
        fputs(asctime(gmtime(&when)), stdout);
        fputs(ctime(&when), stdout);
        printf("%s %s %ld\n", tzname[0], tzname[1], timezone);
    }
    hcreate(20);
    ENTRY e = {"one", "1"}, *f;
    hsearch(e, ENTER);
    e = (ENTRY){"two", "2"};
    hsearch(e, ENTER);
    e = (ENTRY){"one", NULL};
    f = hsearch(e, FIND);
    printf("%s ", f ? (char *)f->data : "?");
    e.key = "three";
    f = hsearch(e, FIND);
    printf("%s %d\n", f ? "found" : "none", hcreate(3));
    hdestroy();

    int before = count();
    static char put[] = "PUT=first";
    printf("%d %d %d\n", setenv("A", "1", 1), setenv("A", "2", 0), setenv("", "x", 1));
    printf("%d ", setenv("A=B", "x", 1));
    printf("%d %d ", errno == EINVAL, putenv(put));
    show("A"), show("PUT"), show("A="), show("");
    put[4] = 'F';
    show("PUT");
    for (int i = 0; i < 100; i++) {
        char n[16];
        snprintf(n, sizeof n, "VAR%d", i);
        setenv(n, n, 1);
    }
    printf("%d ", count() - before);
    show("VAR0"), show("VAR99");
    printf("%d %d ", unsetenv("VAR50"), unsetenv("NOPE"));
    show("VAR50");
    putenv("VAR51");
    show("VAR51");
    system("echo child sees $VAR99 $PUT");
    FILE *p = popen("echo popen sees $VAR98; exit 3", "r");
    char line[100];
    while (fgets(line, sizeof line, p))
        fputs(line, stdout);
    printf("%x\n", pclose(p));
    clearenv();
    show("PATH"), printf("%d %d ", environ == NULL, setenv("NEW", "n", 0)), show("NEW");
    printf("%d\n", count());

    struct passwd *pw = getpwuid(0);
    struct group *gr = getgrgid(0);
    printf("%s %s %s", pw->pw_name, pw->pw_dir, gr->gr_name);
    pw = getpwnam("no such user");
    printf(" %d\n", pw == NULL);
    printf("%s %s\n", program_invocation_short_name, strrchr(program_invocation_name, '/'));
    return 0;
}
