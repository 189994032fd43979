//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /^rank 0: /
// rand, random, drand48 and their relatives: a rank's sequence does not depend on the other ranks.
#define _GNU_SOURCE
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    /* unseeded sequences are the same in every rank */
    long first = rand();
    MPI_Barrier(MPI_COMM_WORLD);
    long second = rand(), third = random(), fourth = lrand48();
    long least = 0, most = 0, mine = first ^ second ^ third ^ fourth;
    MPI_Allreduce(&mine, &least, 1, MPI_LONG, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&mine, &most, 1, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
    CHECK_EQ(least, most);

    srand(100 + (unsigned)rank);
    srand48(200 + rank);
    long sum = 0;
    double reals = 0;
    for (int i = 0; i < 50; i++) {
        sum += rand() % 1000;
        reals += drand48();
        sum += mrand48() % 1000;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    srandom(300 + (unsigned)rank);
    char state[128];
    char *before = initstate(400 + (unsigned)rank, state, sizeof state);
    for (int i = 0; i < 20; i++) {
        sum += random() % 1000;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    setstate(before);
    sum += random() % 1000;
    unsigned short seed[3] = {1, 2, (unsigned short)rank};
    unsigned short *old = seed48(seed);
    CHECK(old != NULL, "seed48");
    MPI_Barrier(MPI_COMM_WORLD);
    reals += erand48(seed) + drand48();
    struct random_data data;
    char buffer[64];
    memset(&data, 0, sizeof data);
    initstate_r((unsigned)rank, buffer, sizeof buffer, &data);
    int number;
    random_r(&data, &number);
    printf("rank %d: %ld %ld %ld %.12f %d\n", rank, first, second, sum, reals, number);
    MPI_Finalize();
    return 0;
}
