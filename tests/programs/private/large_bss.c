//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /ok on \d+ ranks/
// 64 MiB of .bss per rank, of which little is touched: it must cost no memory that is not used.
#include "../check.h"

static char huge[64 << 20];
static char aligned[1 << 16] __attribute__((aligned(65536)));

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK(((size_t)aligned & 65535) == 0, "an array aligned to 64 KiB is at %p", (void *)aligned);
    for (size_t i = 0; i < sizeof huge; i += 8 << 20) {
        CHECK_EQ(huge[i], 0);
        huge[i] = (char)(rank + 1);
    }
    huge[sizeof huge - 1] = (char)rank;
    aligned[65535] = (char)rank;
    MPI_Barrier(MPI_COMM_WORLD);
    for (size_t i = 0; i < sizeof huge; i += 8 << 20)
        CHECK_EQ(huge[i], (char)(rank + 1));
    CHECK_EQ(huge[1], 0);
    CHECK_EQ(huge[sizeof huge - 1], (char)rank);
    return FINISH("large bss");
}
