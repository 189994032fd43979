//# p: 1,2
//# vp: 2
//# exit: nonzero
//# expect-error: /rank 1\b/
//# expect-error: /free/
//# expect-not: /ok on/
//# timeout: 20
// A block is freed twice.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    char *volatile block = malloc(1000);
    char *volatile again = block;
    block[0] = 1;
    if (rank == 1) {
        free(block);
        free(again);
    }
    return FINISH("double free");
}
