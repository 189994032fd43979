//# p: 1,2
//# vp: 1,4,8,64
//# flags: -std=c++17
//# compare: mpich
//# expect: /^sample sort: \d+ numbers in order on \d+ ranks$/
//# fabric: yes
// Sample sort with std::vector, gather, broadcast and alltoallv.
#include "../check.h"
#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

int main(int argc, char **argv)
{
    START(argc, argv);
    const int each = 2000;
    std::mt19937_64 engine(static_cast<unsigned>(rank) + 1);
    std::vector<long> mine(each);
    for (long &x : mine)
        x = static_cast<long>(engine() >> 20) % 1000000;
    long sum = std::accumulate(mine.begin(), mine.end(), 0L), total = 0;
    MPI_Allreduce(&sum, &total, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);

    std::sort(mine.begin(), mine.end());
    std::vector<long> samples, all(static_cast<size_t>(size) * static_cast<size_t>(size)), splitters(static_cast<size_t>(size - 1));
    for (int i = 0; i < size; i++)
        samples.push_back(mine[static_cast<size_t>(i * (each / size))]);
    MPI_Gather(samples.data(), size, MPI_LONG, all.data(), size, MPI_LONG, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        std::sort(all.begin(), all.end());
        for (int i = 1; i < size; i++)
            splitters[static_cast<size_t>(i - 1)] = all[static_cast<size_t>(i * size)];
    }
    MPI_Bcast(splitters.data(), size - 1, MPI_LONG, 0, MPI_COMM_WORLD);

    std::vector<int> out_counts(static_cast<size_t>(size)), in_counts(out_counts), out_places(out_counts), in_places(out_counts);
    for (long x : mine)
        out_counts[static_cast<size_t>(std::upper_bound(splitters.begin(), splitters.end(), x) - splitters.begin())]++;
    MPI_Alltoall(out_counts.data(), 1, MPI_INT, in_counts.data(), 1, MPI_INT, MPI_COMM_WORLD);
    std::exclusive_scan(out_counts.begin(), out_counts.end(), out_places.begin(), 0);
    std::exclusive_scan(in_counts.begin(), in_counts.end(), in_places.begin(), 0);
    std::vector<long> sorted(static_cast<size_t>(in_places.back() + in_counts.back()));
    MPI_Alltoallv(mine.data(), out_counts.data(), out_places.data(), MPI_LONG, sorted.data(), in_counts.data(), in_places.data(),
                  MPI_LONG, MPI_COMM_WORLD);
    std::sort(sorted.begin(), sorted.end());

    /* order across ranks: my smallest is not less than the largest before me */
    long largest = sorted.empty() ? -1 : sorted.back(), before = -1;
    MPI_Exscan(&largest, &before, 1, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
    CHECK(sorted.empty() || rank == 0 || sorted.front() >= before, "%ld follows %ld", sorted.front(), before);
    long check[2] = {std::accumulate(sorted.begin(), sorted.end(), 0L), static_cast<long>(sorted.size())}, global[2];
    MPI_Reduce(check, global, 2, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        CHECK_EQ(global[0], total);
        CHECK_EQ(global[1], static_cast<long>(each) * size);
        printf("sample sort: %ld numbers in order on %d ranks\n", global[1], size);
    }
    MPI_Finalize();
    return 0;
}
