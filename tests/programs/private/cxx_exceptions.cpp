//# p: 1,2
//# vp: 1,4,8,64
//# switch: hop,reference
//# compare: mpich
//# expect: /rank 0: caught /
// Exceptions of many ranks are in flight at once: MPI calls inside catch blocks, between throw and catch (destructors),
// nested, rethrown, kept in an exception_ptr, and thrown through frames of several depths.
#include "../check.h"
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

struct Failure : std::runtime_error {
    int code;
    explicit Failure(int c) : std::runtime_error("failure " + std::to_string(c)), code(c) {}
};

static int ring(int rank, int size, int value)
{
    int received = -1;
    MPI_Sendrecv(&value, 1, MPI_INT, (rank + 1) % size, 3, &received, 1, MPI_INT, (rank + size - 1) % size, 3,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return received;
}

static int destroyed;

// Communicates while the stack is being unwound.
struct Talker {
    int rank, size;
    ~Talker()
    {
        int before = std::uncaught_exceptions();
        int got = ring(rank, size, rank * 2);
        CHECK_EQ(got, (rank + size - 1) % size * 2);
        CHECK_EQ(std::uncaught_exceptions(), before);
        CHECK_EQ(before, 1);
        destroyed++;
    }
};

static void dive(int depth, int rank, int size)
{
    std::string on_stack(static_cast<size_t>(depth) + 20, 'x');
    if (depth == 0) {
        Talker talker{rank, size};
        throw Failure(rank);
    }
    dive(depth - 1, rank, size);
    CHECK(on_stack.empty(), "unreachable");
}

int main(int argc, char **argv)
{
    START(argc, argv);
    std::vector<int> caught;
    for (int round = 0; round < 10; round++) {
        try {
            dive(rank % 7 + round, rank, size);
        } catch (const Failure &failure) {
            CHECK_EQ(failure.code, rank);
            int got = ring(rank, size, failure.code + round);
            CHECK_EQ(got, (rank + size - 1) % size + round);
            CHECK_EQ(failure.code, rank);
            CHECK(failure.what() == "failure " + std::to_string(rank), "what() is \"%s\"", failure.what());
            try {
                try {
                    throw std::string("inner ") + std::to_string(rank);
                } catch (std::string &text) {
                    MPI_Barrier(MPI_COMM_WORLD);
                    text += "!";
                    throw;
                }
            } catch (const std::string &text) {
                CHECK(text == "inner " + std::to_string(rank) + "!", "rethrown \"%s\"", text.c_str());
                MPI_Barrier(MPI_COMM_WORLD);
            }
            CHECK(std::current_exception() != nullptr, "no current exception in a catch block");
            caught.push_back(failure.code);
        }
        CHECK(std::current_exception() == nullptr, "an exception of somebody else is current");
        CHECK_EQ(std::uncaught_exceptions(), 0);
    }

    std::exception_ptr kept;
    try {
        throw Failure(1000 + rank);
    } catch (...) {
        kept = std::current_exception();
    }
    MPI_Barrier(MPI_COMM_WORLD);
    int code = 0;
    try {
        std::rethrow_exception(kept);
    } catch (const std::exception &e) {
        code = dynamic_cast<const Failure &>(e).code;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    CHECK_EQ(code, 1000 + rank);

    bool thrown_by_library = false;
    try {
        std::vector<int>(3).at(static_cast<size_t>(rank) + 3);
    } catch (const std::out_of_range &) {
        thrown_by_library = true;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    CHECK(thrown_by_library, "vector::at did not throw");
    CHECK_EQ(destroyed, 10);
    printf("rank %d: caught %zu, last code %d\n", rank, caught.size(), code);
    MPI_Finalize();
    return 0;
}
