//# p: 1,2
//# vp: 2
//# exit: nonzero
//# expect-error: /rank 1\b/
//# expect-error: /free/
//# expect-not: /ok on/
//# timeout: 20
// free of an address that malloc never gave.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    long numbers[8] = {0};
    void *volatile inside = &numbers[2];
    if (rank == 1)
        free(inside);
    return FINISH("invalid free");
}
