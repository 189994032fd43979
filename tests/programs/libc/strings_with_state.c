//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Functions that keep a hidden buffer or position: strtok, localtime, gmtime, asctime, ctime, strerror, hsearch,
// tmpnam-like names, ecvt, l64a, inet-style static results.
#define _GNU_SOURCE
#include "../check.h"
#include <errno.h>
#include <search.h>
#include <time.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    char text[100], *word;
    snprintf(text, sizeof text, "a%d b%d c%d d%d", rank, rank, rank, rank);
    int words = 0;
    for (word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char wanted[20];
        snprintf(wanted, sizeof wanted, "%c%d", 'a' + words, rank);
        CHECK(strcmp(word, wanted) == 0, "word %d is \"%s\", not \"%s\"", words, word, wanted);
        words++;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    CHECK_EQ(words, 4);

    time_t moment = 86400L * 365 * rank;
    struct tm *utc = gmtime(&moment);
    MPI_Barrier(MPI_COMM_WORLD);
    struct tm wanted;
    gmtime_r(&moment, &wanted);
    CHECK_EQ(utc->tm_year, wanted.tm_year);
    CHECK_EQ(utc->tm_yday, wanted.tm_yday);
    char *line = asctime(&wanted), copy[64];
    MPI_Barrier(MPI_COMM_WORLD);
    asctime_r(&wanted, copy);
    CHECK(strcmp(line, copy) == 0, "asctime gives %s", line);
    struct tm *local = localtime(&moment), local_wanted;
    MPI_Barrier(MPI_COMM_WORLD);
    localtime_r(&moment, &local_wanted);
    CHECK(local->tm_mday == local_wanted.tm_mday && local->tm_year == local_wanted.tm_year, "localtime is shared");
    line = ctime(&moment);
    MPI_Barrier(MPI_COMM_WORLD);
    ctime_r(&moment, copy);
    CHECK(strcmp(line, copy) == 0, "ctime gives %s", line);

    char *message = strerror(10000 + rank), number[20];
    MPI_Barrier(MPI_COMM_WORLD);
    snprintf(number, sizeof number, "%d", 10000 + rank);
    CHECK(strstr(message, number) != NULL, "strerror gives \"%s\"", message);

    CHECK(hcreate(50) != 0, "hcreate");
    char keys[20][16];
    for (int i = 0; i < 20; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d-%d", rank, i);
        ENTRY entry = {keys[i], (void *)(size_t)(rank * 100 + i)};
        CHECK(hsearch(entry, ENTER) != NULL, "hsearch enters %s", keys[i]);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 20; i++) {
        ENTRY entry = {keys[i], NULL}, *found = hsearch(entry, FIND);
        CHECK(found && (size_t)found->data == (size_t)(rank * 100 + i), "hsearch finds %s", keys[i]);
    }
    ENTRY foreign = {(char[]){"k999-1"}, NULL};
    CHECK(hsearch(foreign, FIND) == NULL, "hsearch finds what was never entered");
    hdestroy();

    int point, sign;
    char *digits = ecvt(rank + 0.25, 6, &point, &sign), kept[20];
    snprintf(kept, sizeof kept, "%s", digits);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(strcmp(digits, kept) == 0, "ecvt's buffer was overwritten: %s, not %s", digits, kept);
    char *base64 = l64a(1000 + rank);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK_EQ(a64l(base64), 1000 + rank);
    return FINISH("functions with hidden state");
}
