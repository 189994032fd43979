//# p: 1,2
//# vp: 1,8
//# flags: -std=c++17
//# compare: mpich
//# expect: /ok on \d+ ranks/
// operator new in all forms, replaced operator new of a class, aligned new, std::string and containers under stress.
#include "../check.h"
#include <cstdint>
#include <list>
#include <map>
#include <new>
#include <string>
#include <vector>

struct alignas(128) Wide {
    double values[16];
};

int main(int argc, char **argv)
{
    START(argc, argv);
    for (int round = 0; round < 20; round++) {
        Wide *wide = new Wide[3];
        CHECK(reinterpret_cast<std::uintptr_t>(wide) % 128 == 0, "aligned new gave %p", static_cast<void *>(wide));
        delete[] wide;
        int *nothrow = new (std::nothrow) int[100];
        CHECK(nothrow != nullptr, "nothrow new");
        delete[] nothrow;
        std::map<std::string, std::list<int>> table;
        for (int i = 0; i < 500; i++)
            table["key " + std::to_string(i % 50) + " of a rank with a long name"].push_back(i + rank);
        MPI_Barrier(MPI_COMM_WORLD);
        long sum = 0;
        for (auto &[key, list] : table)
            for (int x : list)
                sum += x;
        CHECK_EQ(sum, 500L * 499 / 2 + 500L * rank);
    }
    std::vector<std::string> strings;
    for (int i = 0; i < 3000; i++)
        strings.emplace_back(static_cast<size_t>(i % 300), static_cast<char>('a' + rank % 26));
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 3000; i++)
        CHECK(strings[static_cast<size_t>(i)] == std::string(static_cast<size_t>(i % 300), static_cast<char>('a' + rank % 26)),
              "string %d changed", i);
    return FINISH("operator new");
}
