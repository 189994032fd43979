/* The MPI calls of fortran_program.f90, for a Fortran program that uses no MPI binding. */
#include <mpi.h>

void shim_init_(int *rank, int *size)
{
    MPI_Init(0, 0);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, size);
}

void shim_barrier_(void)
{
    MPI_Barrier(MPI_COMM_WORLD);
}

void shim_sum_(double *mine, double *all)
{
    MPI_Allreduce(mine, all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

void shim_ring_(const int *mine, int *left_value)
{
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Sendrecv(mine, 1, MPI_INT, (rank + 1) % size, 0, left_value, 1, MPI_INT, (rank + size - 1) % size, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

void shim_abort_(const int *code)
{
    MPI_Abort(MPI_COMM_WORLD, *code);
}

void shim_finalize_(void)
{
    MPI_Finalize();
}
