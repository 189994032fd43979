//# p: 1,2
//# vp: 1,4,8
//# flags: -pthread -std=c++17
//# compare: mpich
//# expect: /ok on \d+ ranks/
// std::thread, futures, thread_local objects with destructors in threads, exceptions carried from a thread.
#include "../check.h"
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::mutex lock;
static int destroyed, constructed;
struct Counted {
    std::string text = "a text long enough to live on the heap";
    Counted() { std::lock_guard<std::mutex> guard(lock); constructed++; }
    ~Counted() { std::lock_guard<std::mutex> guard(lock); destroyed++; }
};
thread_local Counted counted;

int main(int argc, char **argv)
{
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    std::vector<std::thread> threads;
    std::vector<long> sums(3);
    for (int t = 0; t < 3; t++)
        threads.emplace_back([t, rank, &sums] {
            counted.text += std::to_string(t);
            for (int i = 0; i < 1000; i++)
                sums[static_cast<size_t>(t)] += rank + i;
        });
    MPI_Barrier(MPI_COMM_WORLD);
    for (auto &thread : threads)
        thread.join();
    for (long sum : sums)
        CHECK_EQ(sum, 1000L * rank + 499500);
    CHECK_EQ(constructed, 3);
    CHECK_EQ(destroyed, 3);
    std::future<int> failing = std::async(std::launch::async, [rank]() -> int { throw std::runtime_error("from thread of " + std::to_string(rank)); });
    std::string what;
    try {
        failing.get();
    } catch (const std::runtime_error &e) {
        what = e.what();
    }
    CHECK(what == "from thread of " + std::to_string(rank), "caught \"%s\"", what.c_str());
    return FINISH("C++ threads");
}
