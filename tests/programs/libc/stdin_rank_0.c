//# p: 1,2
//# vp: 1,4,8
//# stdin: first line\nsecond 42\nlast\n
//# expect: /^rank 0 read 3 lines, number 42$/
// Standard input goes to rank 0; the others are at its end at once.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    char line[100];
    int lines = 0, number = 0;
    while (fgets(line, sizeof line, stdin)) {
        lines++;
        sscanf(line, "second %d", &number);
    }
    CHECK(feof(stdin) && !ferror(stdin), "stdin is not at its end");
    int wanted = rank == 0 ? 3 : 0;
    CHECK_EQ(lines, wanted);
    MPI_Bcast(&number, 1, MPI_INT, 0, MPI_COMM_WORLD);
    printf("rank %d read %d lines, number %d\n", rank, lines, number);
    MPI_Finalize();
    return 0;
}
