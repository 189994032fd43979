// Threads of a rank see the rank's variables and have thread-locals of their own.
#include "test.h"
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
static int shared_value;
static thread_local int local_value = 5;
thread_local std::string local_text = "abc";
static std::atomic<int> wrong;
int main()
{
    int r = ampi_test_rank();
    shared_value = r * 3;
    local_value = 1000;
    local_text = "changed";
    ampi_test_yield();
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back([i, r] {
            if (local_value != 5 || local_text != "abc" || shared_value != r * 3) wrong++;
            local_value += i;
            local_text += std::to_string(i);
            try { throw std::runtime_error(local_text); } catch (std::exception &e) { if (e.what() != local_text) wrong++; }
            if (local_value != 5 + i) wrong++;
        });
    for (auto &t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(local_value == 1000 && local_text == "changed");
    std::printf("rank %d threads fine\n", r);
    return 0;
}
