//# p: 1,2
//# vp: 1,8
//# compare: mpich
//# expect: /ok on \d+ ranks/
// 2 MiB of initialised data with pointers in between: every copy is relocated.
#include "../check.h"

#define COUNT 65536
struct item {
    const int *pointer;
    int value;
};
static int target = 17;
static struct item items[COUNT] = {[0 ... COUNT - 1] = {&target, 3}};
static const struct item read_only[1024] = {[0 ... 1023] = {&target, 4}};

int main(int argc, char **argv)
{
    START(argc, argv);
    target = rank;
    for (int i = 0; i < COUNT; i += 97) {
        CHECK(items[i].pointer == &target, "item %d points elsewhere", i);
        CHECK_EQ(items[i].value, 3);
        items[i].value = rank + i;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < COUNT; i += 97) {
        CHECK_EQ(*items[i].pointer, rank);
        CHECK_EQ(items[i].value, rank + i);
    }
    for (int i = 0; i < 1024; i++)
        CHECK(*read_only[i].pointer == rank && read_only[i].value == 4, "read-only item %d", i);
    return FINISH("large data");
}
