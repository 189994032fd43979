//# p: 1,2
//# vp: 2,8
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// AMPI's own attributes and AMPI_Yield, and the macro that tells programs that they run on it.
#include "../check.h"

#ifndef AMPI
#error "mpi.h does not define AMPI"
#endif

int main(int argc, char **argv)
{
    START(argc, argv);
    int flag, *worker, *workers, *process, *processes, *home;
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_MY_WTH, &worker, &flag);
    CHECK(flag, "AMPI_MY_WTH");
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_NUM_WTHS, &workers, &flag);
    CHECK(flag && *workers >= 1 && *worker >= 0 && *worker < *workers, "worker %d of %d", *worker, *workers);
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_MY_PROCESS, &process, &flag);
    CHECK(flag, "AMPI_MY_PROCESS");
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_NUM_PROCESSES, &processes, &flag);
    CHECK(flag && *processes >= 1 && *process >= 0 && *process < *processes, "process %d of %d", *process, *processes);
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_MY_HOME_WTH, &home, &flag);
    CHECK(flag && *home >= 0 && *home < *workers, "home worker");
    int lowest, highest;
    MPI_Allreduce(worker, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(worker, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    CHECK(lowest == 0 && highest == *workers - 1, "workers %d to %d of %d are used", lowest, highest, *workers);
    for (int i = 0; i < 1000; i++)
        AMPI_Yield();
    return FINISH("AMPI attributes");
}
