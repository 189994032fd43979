/* Heat spreading in a square plate: Jacobi iteration in two dimensions.
 *
 * An ordinary MPI program. The plate is cut into one block per rank; each step a rank exchanges the rim of its block
 * with its four neighbours and replaces every point by the mean of the points around it, until the change is small.
 * The upper edge of the plate is hot, the others are cold.
 *
 *     ampicc -O3 -o heat heat.c -lm            mpicc -O3 -o heat heat.c -lm
 *     ampirun +p 2 +vp 32 ./heat               mpiexec -n 4 ./heat
 *     ampirun +p 2 +vp 32 ./heat 512 1000      points on a side, most steps
 *
 * All state is in global variables, as in many programs of this kind. As ranks of one process they work because each
 * rank has its own copy of them; the table at the end shows values of one global variable, rank by rank.
 */
#define _GNU_SOURCE
#include <math.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { NORTH, SOUTH, WEST, EAST };

static int points = 512;   /* on a side of the plate */
static int steps_max = 4000;
static double small_enough = 1e-4;

static int rank, ranks;
static int rows, columns;         /* of the grid of ranks */
static int row, column;           /* of this rank in that grid */
static int height, width;         /* of this rank's block, without its rim */
static int neighbour[4];
static double *now, *next;        /* the block, with a rim of one point */
static MPI_Datatype column_type;  /* a column of the block */
static int steps;
static double residual;
static double compute_s;

#define AT(block, i, j) ((block)[(size_t)(i) * (width + 2) + (j)])

/* What a rank tells about itself at the end. */
struct report {
    int row, column, height, width, core;
    double mean, compute_s;
};

/* Rows x columns = ranks, as near to a square as possible. */
static void arrange(void)
{
    for (rows = (int)sqrt((double)ranks); ranks % rows != 0; rows--)
        ;
    columns = ranks / rows;
    row = rank / columns;
    column = rank % columns;
    neighbour[NORTH] = row > 0 ? rank - columns : MPI_PROC_NULL;
    neighbour[SOUTH] = row < rows - 1 ? rank + columns : MPI_PROC_NULL;
    neighbour[WEST] = column > 0 ? rank - 1 : MPI_PROC_NULL;
    neighbour[EAST] = column < columns - 1 ? rank + 1 : MPI_PROC_NULL;
    height = points / rows + (row < points % rows);
    width = points / columns + (column < points % columns);
}

static void allocate(void)
{
    size_t size = (size_t)(height + 2) * (width + 2);
    now = calloc(size, sizeof *now);
    next = calloc(size, sizeof *next);
    if (now == NULL || next == NULL) {
        fprintf(stderr, "rank %d: no memory for %zu points\n", rank, size);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    if (row == 0)
        for (int j = 0; j < width + 2; j++)
            AT(now, 0, j) = AT(next, 0, j) = 100.0;
    MPI_Type_vector(height, 1, width + 2, MPI_DOUBLE, &column_type);
    MPI_Type_commit(&column_type);
}

static void exchange(void)
{
    MPI_Request requests[8];
    MPI_Irecv(&AT(now, 0, 1), width, MPI_DOUBLE, neighbour[NORTH], 0, MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(&AT(now, height + 1, 1), width, MPI_DOUBLE, neighbour[SOUTH], 0, MPI_COMM_WORLD, &requests[1]);
    MPI_Irecv(&AT(now, 1, 0), 1, column_type, neighbour[WEST], 0, MPI_COMM_WORLD, &requests[2]);
    MPI_Irecv(&AT(now, 1, width + 1), 1, column_type, neighbour[EAST], 0, MPI_COMM_WORLD, &requests[3]);
    MPI_Isend(&AT(now, 1, 1), width, MPI_DOUBLE, neighbour[NORTH], 0, MPI_COMM_WORLD, &requests[4]);
    MPI_Isend(&AT(now, height, 1), width, MPI_DOUBLE, neighbour[SOUTH], 0, MPI_COMM_WORLD, &requests[5]);
    MPI_Isend(&AT(now, 1, 1), 1, column_type, neighbour[WEST], 0, MPI_COMM_WORLD, &requests[6]);
    MPI_Isend(&AT(now, 1, width), 1, column_type, neighbour[EAST], 0, MPI_COMM_WORLD, &requests[7]);
    MPI_Waitall(8, requests, MPI_STATUSES_IGNORE);
}

/* One step; the largest change of a point of this block. */
static double relax(void)
{
    double change = 0.0;
    for (int i = 1; i <= height; i++) {
        for (int j = 1; j <= width; j++) {
            double mean = 0.25 * (AT(now, i - 1, j) + AT(now, i + 1, j) + AT(now, i, j - 1) + AT(now, i, j + 1));
            double difference = fabs(mean - AT(now, i, j));
            change = difference > change ? difference : change;
            AT(next, i, j) = mean;
        }
    }
    double *old = now;
    now = next;
    next = old;
    return change;
}

static double mean_of_block(void)
{
    double sum = 0.0;
    for (int i = 1; i <= height; i++)
        for (int j = 1; j <= width; j++)
            sum += AT(now, i, j);
    return sum / ((double)height * width);
}

static void iterate(void)
{
    for (steps = 1; steps <= steps_max; steps++) {
        exchange();
        double start = MPI_Wtime();
        double change = relax();
        compute_s += MPI_Wtime() - start;
        if (steps % 100 != 0)
            continue;
        MPI_Allreduce(&change, &residual, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        if (rank == 0 && steps % 500 == 0)
            printf("  step %5d: largest change of a point %.6f\n", steps, residual);
        if (residual < small_enough)
            return;
    }
    steps = steps_max;
}

static void tell(double seconds)
{
    struct report own = {row, column, height, width, sched_getcpu(), mean_of_block(), compute_s};
    struct report *all = rank == 0 ? malloc(sizeof *all * ranks) : NULL;
    MPI_Gather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (rank != 0)
        return;
    printf("After %d steps and %.2f s the largest change of a point is %.6f.\n\n", steps, seconds, residual);
    printf("  rank  block of the plate  points   core  compute s  mean temperature\n");
    double heat = 0.0;
    for (int r = 0; r < ranks; r++) {
        const struct report *w = &all[r];
        printf("  %4d     (%2d, %2d)         %3dx%-3d  %4d  %9.3f  %8.3f\n", r, w->row, w->column, w->height, w->width,
               w->core, w->compute_s, w->mean);
        heat += w->mean * w->height * w->width;
    }
    printf("\nMean temperature of the plate: %.4f\n", heat / ((double)points * points));
    free(all);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc > 1)
        points = atoi(argv[1]);
    if (argc > 2)
        steps_max = atoi(argv[2]);
    arrange();
    if (points < columns || steps_max < 1) {
        if (rank == 0)
            fprintf(stderr, "usage: heat [points on a side, at least %d] [most steps, at least 1]\n", columns);
        MPI_Finalize();
        return 2;
    }
    if (rank == 0)
        printf("A plate of %dx%d points, cut into %dx%d blocks for %d ranks\n", points, points, rows, columns, ranks);
    allocate();
    double start = MPI_Wtime();
    iterate();
    tell(MPI_Wtime() - start);
    MPI_Type_free(&column_type);
    free(now);
    free(next);
    MPI_Finalize();
    return 0;
}
