//# p: 1,2
//# vp: 1,4,8,64
//# lib: lib_counter.c
//# compare: mpich
//# expect: /rank 0: 10 rounds/
// A program with its own shared library: the library's globals and thread-local variables are private to the rank,
// and program and library agree on every address (copy relocations, function pointers, thread-local symbols).
#include "../check.h"

extern int counter_global;
extern __thread int counter_tls;
extern int *counter_pointer;
int counter_constructed(void);
int counter_add(int value);
int *counter_address(void);
int *counter_tls_address(void);
int counter_twice(int value);
int (*counter_function(void))(int);
int (*counter_libc_function(void))(const char *);

int program_variable = 77;

int main(int argc, char **argv)
{
    CHECK_EQ(counter_constructed(), 1);
    START(argc, argv);
    CHECK(&counter_global == counter_address(), "program and library see two copies of counter_global");
    CHECK(&counter_tls == counter_tls_address(), "program and library see two copies of counter_tls");
    CHECK(counter_pointer == &counter_global, "a pointer in the library's data points to another copy");
    CHECK(counter_function() == counter_twice, "a function has two addresses");
    CHECK(counter_libc_function() == puts, "a function of libc has two addresses");
    for (int round = 1; round <= 10; round++) {
        int sum = counter_add(rank);
        CHECK_EQ(sum, rank * round);
        CHECK_EQ(counter_global, 10 + rank * round);
        CHECK_EQ(counter_tls, 500 + round);
        CHECK_EQ(program_variable, 77 + round);
        CHECK_EQ(counter_function()(rank), 2 * rank);
    }
    printf("rank %d: 10 rounds, library's counter %d\n", rank, counter_global);
    MPI_Finalize();
    return 0;
}
