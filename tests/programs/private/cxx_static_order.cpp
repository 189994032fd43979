//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect: /rank 0: main -1- -2- -3- end/
// Constructors and destructors of statics run once per rank, in the order the standard gives.
// Every line names the rank, so that the lines of a rank can be told apart after sorting; order is checked inside.
#include "../check.h"
#include <string>

static std::string &order()
{
    static std::string *text = new std::string;
    return *text;
}
static int destroyed_mask;
static int my_rank = -1;

struct Traced {
    int id;
    explicit Traced(int i) : id(i) { order() += "-" + std::to_string(i) + "-"; }
    ~Traced()
    {
        // Reverse order of construction: local static (4), then 3, 2, 1.
        int wanted = id == 4 ? 0 : id == 3 ? 1 : id == 2 ? 3 : 7;
        CHECK_EQ(destroyed_mask, wanted);
        destroyed_mask = destroyed_mask * 2 + 1;
        if (id == 1)
            printf("rank %d: destroyed in order, mask %d\n", my_rank, destroyed_mask);
    }
};

static Traced third(3);
__attribute__((init_priority(2000))) Traced second(2);
__attribute__((init_priority(1000))) Traced first(1);

static int constructor_ran, destructor_said;
__attribute__((constructor)) static void before_main() { constructor_ran++; }
__attribute__((destructor)) static void after_main()
{
    destructor_said++;
    printf("rank %d: destructor function %d\n", my_rank, destructor_said);
}

inline int counted = [] { return 40 + 2; }();

int main(int argc, char **argv)
{
    CHECK_EQ(constructor_ran, 1);
    CHECK(order() == "-1--2--3-", "constructors ran in order %s", order().c_str());
    START(argc, argv);
    my_rank = rank;
    static Traced local(4);
    CHECK_EQ(counted, 42);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(order() == "-1--2--3--4-", "constructors ran in order %s", order().c_str());
    printf("rank %d: main -1- -2- -3- end\n", rank);
    MPI_Finalize();
    return 0;
}
