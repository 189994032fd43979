//# p: 1,2
//# vp: 1,4,8,64
//# args: -v -n 12 --name=value --flag positional -x more
//# compare: mpich
//# expect-each: /^rank {rank}: v1 n12 name value flag 1 unknown x, 2 left: positional more/
// getopt and getopt_long: every rank parses its own arguments from the start, interleaved with the others.
#define _GNU_SOURCE
#include "../check.h"
#include <getopt.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    static int flag;
    static const struct option options[] = {{"name", required_argument, NULL, 'N'},
                                            {"flag", no_argument, &flag, 1},
                                            {"number", required_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    int verbose = 0, number = 0, c, unknown = '?';
    const char *name = "";
    CHECK_EQ(optind, 1);
    opterr = 0;
    while ((c = getopt_long(argc, argv, "vn:", options, NULL)) != -1) {
        switch (c) {
        case 'v': verbose++; break;
        case 'n': number = atoi(optarg); break;
        case 'N': name = optarg; break;
        case '?': unknown = optopt; break;
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
    CHECK_EQ(argc - optind, 2);
    char line[200];
    snprintf(line, sizeof line, "rank %d: v%d n%d name %s flag %d unknown %c, %d left: %s %s", rank, verbose, number, name,
             flag, unknown, argc - optind, argv[optind], argv[optind + 1]);
    printf("%s\n", line);

    optind = 1; /* a second pass, plain getopt */
    verbose = 0;
    while ((c = getopt(argc, argv, "vn:x")) != -1) {
        if (c == 'v')
            verbose++;
        MPI_Barrier(MPI_COMM_WORLD);
        if (verbose > 10)
            break;
    }
    CHECK_EQ(verbose, 1);
    MPI_Finalize();
    return 0;
}
