//# p: 1,2
//# vp: 1,4,8,64
//# switch: hop,reference
//# compare: mpich
//# expect: /rank 0 of \d+: /
// Every kind of variable of a C program is private to its rank: globals, statics, tables of pointers to them, .bss,
// and thread-local variables of both kinds. Each rank writes its own values, lets others run, and finds them again.
#include "../check.h"

#define ROUNDS 20

int initialized_global = 41;
int zero_global;
static int file_static = 7;
static double big_zero[5000];
int *pointer_to_global = &initialized_global;
static int *const table_of_pointers[] = {&initialized_global, &zero_global, &file_static};
struct node {
    struct node *next;
    int value;
};
static struct node second = {NULL, 2}, first = {&second, 1};
static struct node *list = &first;
__thread int tls_initialized = 1000;
static __thread int tls_zero;
static __thread char tls_buffer[200];
const char *text = "constant";

static int next_id(void)
{
    static int id = 100;
    return id++;
}

static int (*const calls[])(void) = {next_id};

int main(int argc, char **argv)
{
    START(argc, argv);

    CHECK_EQ(initialized_global, 41);
    CHECK_EQ(zero_global, 0);
    CHECK_EQ(tls_initialized, 1000);
    CHECK_EQ(tls_zero, 0);
    CHECK(pointer_to_global == &initialized_global, "a pointer to a global points to another copy");
    CHECK(table_of_pointers[1] == &zero_global && table_of_pointers[2] == &file_static, "table points elsewhere");
    CHECK(list->next == &second, "linked statics point elsewhere");
    for (int i = 0; i < 5000; i++)
        CHECK(big_zero[i] == 0, "element %d of .bss is not zero at start", i);

    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    for (int round = 0; round < ROUNDS; round++) {
        initialized_global = rank * 1000 + round;
        zero_global += rank;
        file_static += rank + round;
        *pointer_to_global += 1;
        list->next->value += rank;
        tls_initialized += rank;
        tls_zero -= rank;
        big_zero[(round * 251) % 5000] = rank + 0.5;
        snprintf(tls_buffer, sizeof tls_buffer, "rank %d round %d", rank, round);
        int id = calls[0]();

        int received = -1;
        MPI_Sendrecv(&initialized_global, 1, MPI_INT, right, 1, &received, 1, MPI_INT, left, 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        CHECK_EQ(received, left * 1000 + round + 1);
        CHECK_EQ(initialized_global, rank * 1000 + round + 1);
        CHECK_EQ(zero_global, rank * (round + 1));
        CHECK_EQ(tls_initialized, 1000 + rank * (round + 1));
        CHECK_EQ(tls_zero, -rank * (round + 1));
        CHECK_EQ(second.value, 2 + rank * (round + 1));
        CHECK_EQ(id, 100 + round);
        CHECK(big_zero[(round * 251) % 5000] == rank + 0.5, "a static array was overwritten");
        char wanted[200];
        snprintf(wanted, sizeof wanted, "rank %d round %d", rank, round);
        CHECK(strcmp(tls_buffer, wanted) == 0, "thread-local text is \"%s\"", tls_buffer);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    int largest = 0, mine = file_static;
    MPI_Allreduce(&mine, &largest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    CHECK_EQ(largest, 7 + (size - 1) * ROUNDS + ROUNDS * (ROUNDS - 1) / 2);
    CHECK_EQ(mine, 7 + rank * ROUNDS + ROUNDS * (ROUNDS - 1) / 2);
    printf("rank %d of %d: static %d thread-local %d next id %d %s\n", rank, size, file_static, tls_initialized,
           next_id(), text);
    MPI_Finalize();
    return 0;
}
