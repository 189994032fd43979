// C++: private iostreams, static and thread_local objects, exceptions kept over yields, RTTI, destructors at exit.
#include "test.h"
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

static std::map<std::string, int> table = {{"one", 1}, {"two", 2}};
struct Tracked {
    int n = 3;
    ~Tracked() { std::printf("rank %d static object destroyed with %d\n", ampi_test_rank(), n); }
};
static Tracked tracked;
struct PerThread {
    std::vector<int> v{1, 2, 3};
    ~PerThread() { if (v.size() != 4) std::printf("thread_local object is wrong\n"); }
};
static thread_local PerThread per_thread;
struct Base { virtual ~Base() {} };
struct Derived : Base { int x = 9; };
struct Special : std::runtime_error { using runtime_error::runtime_error; };

static int thrower(int depth)
{
    std::string local(100, 'x');
    if (depth == 0) throw Special("from rank " + std::to_string(ampi_test_rank()));
    return thrower(depth - 1) + (int)local.size();
}

int main()
{
    int r = ampi_test_rank();
    table["rank"] = r;
    tracked.n += r;
    per_thread.v.push_back(r);
    for (int i = 0; i < 5; i++) {
        try {
            thrower(10);
        } catch (const std::runtime_error &e) {
            ampi_test_yield();
            CHECK(std::string(e.what()) == "from rank " + std::to_string(r));
            CHECK(dynamic_cast<const Special *>(&e));
            std::exception_ptr kept = std::current_exception();
            try {
                ampi_test_yield();
                throw std::logic_error("inner");
            } catch (std::logic_error &) {
                ampi_test_yield();
                try { std::rethrow_exception(kept); } catch (Special &s) { CHECK(std::string(s.what()).find("rank") == 5); }
            }
            CHECK(std::uncaught_exceptions() == 0);
        }
    }
    Base *b = new Derived;
    CHECK(dynamic_cast<Derived *>(b)->x == 9 && typeid(*b) == typeid(Derived));
    delete b;
    CHECK(table["rank"] == r && table.size() == 3);
    std::cout << std::hex;
    ampi_test_yield();
    std::ostringstream s;
    s << "rank " << r << " " << 1.5 << " cxx fine";
    std::cout << s.str() << std::endl;
    return 0;
}
