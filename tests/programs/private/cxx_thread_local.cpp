//# p: 1,2
//# vp: 1,4,8,64
//# switch: hop,reference
//# compare: mpich
//# expect: /rank 0: destroyed late /
// thread_local objects: constructed once per rank at first use, destroyed when the rank ends, and never shared.
#include "../check.h"
#include <map>
#include <string>

static int constructed, my_rank = -1;

struct Late {
    int value;
    std::string text;
    Late() : value(1), text("a string too long for the small-string buffer") { constructed++; }
    ~Late() { printf("rank %d: destroyed late %d %s\n", my_rank, value, text.c_str()); }
};

struct Early {
    int value = 5;
    ~Early() { printf("rank %d: destroyed early %d\n", my_rank, value); }
};

thread_local Late late;
thread_local Early early;
thread_local std::map<int, std::string> table;
thread_local int plain = 3;
static thread_local int dynamic = std::atoi("12");

static Late &in_function()
{
    thread_local Late inside;
    return inside;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    my_rank = rank;
    CHECK_EQ(early.value, 5);
    CHECK_EQ(plain, 3);
    CHECK_EQ(dynamic, 12);
    for (int round = 0; round < 10; round++) {
        late.value += rank;
        late.text = "rank " + std::to_string(rank) + " of a text that lives on the heap";
        early.value += 1;
        table[round] = std::to_string(rank * 100 + round);
        in_function().value += 2 * rank;
        plain++;
        dynamic += rank;
        MPI_Barrier(MPI_COMM_WORLD);
        CHECK_EQ(late.value, 1 + rank * (round + 1));
        CHECK_EQ(in_function().value, 1 + 2 * rank * (round + 1));
        CHECK_EQ(plain, 4 + round);
        CHECK_EQ(dynamic, 12 + rank * (round + 1));
        CHECK(table[round] == std::to_string(rank * 100 + round), "map entry %s", table[round].c_str());
    }
    CHECK_EQ(table.size(), 10);
    CHECK_EQ(constructed, 2);
    MPI_Finalize();
    return 0;
}
