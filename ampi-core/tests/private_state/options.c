/* getopt in all its variants, driven by the arguments: MODE SHORTS ARGS... */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int flag;
static const struct option longs[] = {
    {"verbose", no_argument, 0, 'v'},     {"version", no_argument, 0, 'V'}, {"output", required_argument, 0, 'o'},
    {"optional", optional_argument, 0, 1}, {"flag", no_argument, &flag, 7},  {"out-dir", required_argument, 0, 2},
    {"alias-a", no_argument, 0, 3},       {"alias-b", no_argument, 0, 3},   {"x", no_argument, 0, 4},
    {0, 0, 0, 0},
};

int main(int argc, char **argv)
{
    const char *mode = argv[1], *shorts = argv[2];
    argv[2] = argv[0];
    argv += 2;
    argc -= 2;
    for (int round = 0; round < 2; round++) {
        int c, index = -1;
        while ((c = strcmp(mode, "short") == 0  ? getopt(argc, argv, shorts)
                    : strcmp(mode, "long") == 0 ? getopt_long(argc, argv, shorts, longs, &index)
                                                : getopt_long_only(argc, argv, shorts, longs, &index)) != -1) {
            printf("c=%d arg=%s ind=%d opt=%d index=%d flag=%d\n", c, optarg ? optarg : "-", optind, optopt, index, flag);
            fflush(stdout);
        }
        printf("rest from %d:", optind);
        for (int i = 0; i < argc; i++)
            printf(" %s", i ? argv[i] : "prog");
        putchar('\n');
        optind = 0; /* start again, on the permuted array */
        opterr = round;
    }
    return 0;
}
