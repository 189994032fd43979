//# p: 1,2
//# vp: 1,8
//# flags: -std=c++17 -O2
//# compare: mpich
//# expect: /rank 0: ok/
// RTTI, virtual calls, std::function, containers, regex, random, chrono, shared_ptr and new_handler of private libstdc++.
#include "../check.h"
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <regex>
#include <string>
#include <typeinfo>
#include <unordered_map>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual int sides() const = 0;
};
struct Triangle : Shape {
    int sides() const override { return 3; }
};
struct Square : Shape {
    int sides() const override { return 4; }
};

static int handler_calls;
static void handler()
{
    handler_calls++;
    std::set_new_handler(nullptr);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    std::vector<std::shared_ptr<Shape>> shapes;
    for (int i = 0; i < 100; i++)
        shapes.push_back((i + rank) % 2 ? std::shared_ptr<Shape>(new Triangle) : std::shared_ptr<Shape>(new Square));
    MPI_Barrier(MPI_COMM_WORLD);
    int sides = 0, triangles = 0;
    for (auto &s : shapes) {
        sides += s->sides();
        triangles += dynamic_cast<Triangle *>(s.get()) != nullptr;
        CHECK(typeid(*s) == typeid(Triangle) || typeid(*s) == typeid(Square), "typeid is %s", typeid(*s).name());
    }
    CHECK_EQ(triangles, 50);
    CHECK_EQ(sides, 350);

    std::function<int(int)> add = [rank](int x) { return x + rank; };
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK_EQ(add(5), 5 + rank);

    std::mt19937 engine(12345u + static_cast<unsigned>(rank));
    std::uniform_int_distribution<int> dice(1, 6);
    long sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += dice(engine);
    MPI_Barrier(MPI_COMM_WORLD);

    std::regex pattern("rank-([0-9]+)-(.*)");
    std::smatch match;
    std::string subject = "rank-" + std::to_string(rank) + "-tail";
    CHECK(std::regex_match(subject, match, pattern), "no match in %s", subject.c_str());
    CHECK_EQ(std::stoi(match[1]), rank);

    std::unordered_map<std::string, int> words;
    for (int i = 0; i < 2000; i++)
        words["word " + std::to_string(i % 97)] += rank + 1;
    CHECK_EQ(words.size(), 97);

    std::set_new_handler(handler);
    bool refused = false;
    try {
        volatile size_t absurd = static_cast<size_t>(1) << 60;
        std::unique_ptr<char[]> p(new char[absurd]);
    } catch (const std::bad_alloc &) {
        refused = true;
    }
    CHECK(refused, "2^60 bytes were allocated");
    CHECK_EQ(handler_calls, 1);
    auto begin = std::chrono::steady_clock::now();
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(std::chrono::steady_clock::now() >= begin, "the steady clock ran backwards");
    printf("rank %d: ok, dice %ld\n", rank, sum);
    MPI_Finalize();
    return 0;
}
