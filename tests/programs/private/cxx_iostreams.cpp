//# p: 1,2
//# vp: 1,4,8,64
//# expect-each: /^rank {rank} says (255 1.500|FF 1.5)$/
//# expect-each: done {rank}
// Each rank has its own std::cout: its format flags, its precision and its buffer are nobody else's.
#include "../check.h"
#include <fstream>
#include <iomanip>
#include <iostream>
#include <locale>
#include <sstream>

struct Grouping : std::numpunct<char> {
    char do_thousands_sep() const override { return '_'; }
    std::string do_grouping() const override { return "\3"; }
};

int main(int argc, char **argv)
{
    START(argc, argv);
    bool odd = rank % 2;
    if (odd)
        std::cout << std::hex << std::uppercase << std::setprecision(1) << std::fixed;
    else
        std::cout << std::dec << std::setprecision(3) << std::fixed;
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK_EQ((std::cout.flags() & std::ios::hex) != 0, odd);
    CHECK_EQ(std::cout.precision(), odd ? 1 : 3);
    std::cout << "rank " << std::dec << rank << " says " << (odd ? std::hex : std::dec) << 255 << ' ' << 1.5 << std::endl;

    std::ostringstream text;
    text.imbue(std::locale(std::locale::classic(), new Grouping));
    text << rank * 1000000;
    MPI_Barrier(MPI_COMM_WORLD);
    text << ' ' << 7654321;
    std::string wanted = (rank ? std::to_string(rank) + "_000_000" : std::string("0")) + " 7_654_321";
    CHECK(text.str() == wanted, "\"%s\" instead of \"%s\"", text.str().c_str(), wanted.c_str());

    std::string name = "iostreams-" + std::to_string(rank) + ".txt";
    {
        std::ofstream file(name);
        for (int i = 0; i < 100; i++) {
            file << rank << ' ' << i << '\n';
            if (i % 25 == 0)
                MPI_Barrier(MPI_COMM_WORLD);
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);
    std::ifstream file(name);
    long long sum = 0;
    int r, i, lines = 0;
    while (file >> r >> i) {
        CHECK_EQ(r, rank);
        sum += i;
        lines++;
    }
    CHECK_EQ(lines, 100);
    CHECK_EQ(sum, 4950);
    std::remove(name.c_str());
    std::ios_base::fmtflags flags = std::cerr.flags();
    CHECK((flags & std::ios::hex) == 0, "std::cerr was changed by nobody");
    std::cout << "done " << std::dec << rank << '\n'; // flushed at exit
    MPI_Finalize();
    return 0;
}
