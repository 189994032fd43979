//# p: 1,2
//# vp: 1,8
//# lib: lib_ifunc.c
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Functions chosen by a resolver at load time (IFUNC) in the program and in a library, called and through a pointer.
#include "../check.h"

static int chosen_a(int x)
{
    return x + 10;
}
static int chosen_b(int x)
{
    return x + 20;
}
typedef int (*step)(int);
static step resolve_local(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse2") ? chosen_a : chosen_b;
}
static int local_step(int) __attribute__((ifunc("resolve_local")));
int library_step(int);
static step in_data = library_step;

int main(int argc, char **argv)
{
    START(argc, argv);
    int wanted = __builtin_cpu_supports("sse2") ? 10 : 20;
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(local_step(rank + i), rank + i + wanted);
        CHECK_EQ(library_step(rank + i), rank + i + 1000);
        CHECK_EQ(in_data(rank + i), rank + i + 1000);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    step volatile pointer = local_step;
    CHECK_EQ(pointer(1), 1 + wanted);
    char text[64] = "", copy[64];
    memset(text, 'a' + rank % 26, 63);
    memcpy(copy, text, 64);
    CHECK_EQ(strlen(copy), 63);
    CHECK(strchr(copy, 'a' + rank % 26) == copy, "strchr");
    return FINISH("ifunc");
}
