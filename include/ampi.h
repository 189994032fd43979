/* ampi.h: what Adaptive MPI offers beyond the standard. Included by mpi.h unless AMPI_NO_EXTENSIONS is defined. */
#ifndef AMPI_H_INCLUDED
#define AMPI_H_INCLUDED

#include "mpi.h"

#if defined(__cplusplus)
extern "C" {
#endif

/*
 * Attributes of MPI_COMM_WORLD (MPI_Comm_get_attr): the value is the address of an int. Ask again after a migration.
 */
#define AMPI_MY_WTH 701        /* PE on which the rank runs, 0-based in the job */
#define AMPI_MY_PROCESS 702    /* process in which the rank runs */
#define AMPI_NUM_WTHS 703      /* number of PEs of the job */
#define AMPI_NUM_PROCESSES 704 /* number of processes of the job */
#define AMPI_MY_HOME_WTH 705   /* PE that knows where the rank is */

#if defined(__cplusplus)
}
#endif

#endif /* AMPI_H_INCLUDED */
