//# p: 2
//# vp: 8
//# isolate: image
//# expect: /^<7 last>$/
//# expect-not: /[^<]<|^[^<]|[^>]$/
//# timeout: 30
// Ranks on two PEs print lines of many lengths into one pipe: every line arrives in one piece.
#include "../check.h"

int main(int argc, char **argv)
{
    char text[3000];
    START(argc, argv);
    for (int i = 0; i < 4000; i++) {
        int n = (i * 37 + rank * 11) % (i % 100 ? 90 : 2900);
        memset(text, 'a' + rank, n);
        text[n] = 0;
        printf("<%d %s>\n", rank, text);
    }
    printf("<%d last>\n", rank);
    MPI_Finalize();
    return 0;
}
