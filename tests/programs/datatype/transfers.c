//# p: 1,2
//# vp: 2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
//# fabric: yes
// Derived datatypes between ranks: every pair of layouts with one signature, large and small, as halo exchanges do.
#include "../check.h"

#define N 64

static MPI_Datatype layout(int which, int *cells)
{
    MPI_Datatype type;
    int lengths[N], places[N], sizes[2] = {N, N}, parts[2] = {N, 1}, starts[2] = {0, 3};
    MPI_Aint far[N];
    *cells = N * N;
    for (int i = 0; i < N; i++) {
        lengths[i] = 1;
        places[i] = i * N / 2 + i % 3;
        far[i] = (MPI_Aint)sizeof(double) * ((N - 1 - i) * N + 1);
    }
    switch (which) {
    case 0: MPI_Type_contiguous(N, MPI_DOUBLE, &type); break;
    case 1: MPI_Type_vector(N, 1, N, MPI_DOUBLE, &type); break;
    case 2: MPI_Type_indexed(N, lengths, places, MPI_DOUBLE, &type); break;
    case 3: MPI_Type_create_hindexed(N, lengths, far, MPI_DOUBLE, &type); break;
    case 4: MPI_Type_create_subarray(2, sizes, parts, starts, MPI_ORDER_C, MPI_DOUBLE, &type); break;
    case 5: MPI_Type_vector(N / 4, 4, 16, MPI_DOUBLE, &type); break;
    default: {
        MPI_Datatype two;
        MPI_Type_vector(2, 1, 3, MPI_DOUBLE, &two);
        MPI_Type_create_hvector(N / 2, 1, 10 * sizeof(double), two, &type);
        MPI_Type_free(&two);
    }
    }
    MPI_Type_commit(&type);
    return type;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int partner = rank ^ 1;
    double *out = malloc(sizeof(double) * N * N), *in = malloc(sizeof(double) * N * N), *flat = malloc(sizeof(double) * N);
    double *wanted = malloc(sizeof(double) * N);
    for (int a = 0; a < 7 && partner < size; a++)
        for (int b = 0; b < 7; b++) {
            int cells, position = 0;
            MPI_Datatype from = layout(rank % 2 ? b : a, &cells), to = layout(rank % 2 ? a : b, &cells);
            for (int i = 0; i < N * N; i++) {
                out[i] = rank * 10000.0 + i;
                in[i] = -1;
            }
            /* what the partner packs */
            double *theirs = malloc(sizeof(double) * N * N);
            for (int i = 0; i < N * N; i++)
                theirs[i] = partner * 10000.0 + i;
            MPI_Pack(theirs, 1, rank % 2 ? layout(a, &cells) : layout(b, &cells), wanted, sizeof(double) * N, &position,
                     MPI_COMM_WORLD);
            MPI_Sendrecv(out, 1, from, partner, a * 7 + b, in, 1, to, partner, a * 7 + b, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            position = 0;
            MPI_Pack(in, 1, to, flat, sizeof(double) * N, &position, MPI_COMM_WORLD);
            CHECK(memcmp(flat, wanted, sizeof(double) * N) == 0, "layout %d to layout %d", a, b);
            int untouched = 0;
            for (int i = 0; i < N * N; i++)
                untouched += in[i] == -1;
            CHECK_EQ(untouched, N * N - N);
            free(theirs);
            MPI_Type_free(&from);
            MPI_Type_free(&to);
        }
    free(out);
    free(in);
    free(flat);
    free(wanted);

    /* structs with padding, as arrays of them are sent */
    struct particle {
        char kind;
        double x[3];
        int id;
    } particles[20], got[20];
    MPI_Datatype raw, particle;
    int lengths[3] = {1, 3, 1};
    MPI_Aint places[3], base;
    MPI_Get_address(&particles[0], &base);
    MPI_Get_address(&particles[0].kind, &places[0]);
    MPI_Get_address(&particles[0].x, &places[1]);
    MPI_Get_address(&particles[0].id, &places[2]);
    for (int i = 0; i < 3; i++)
        places[i] = MPI_Aint_diff(places[i], base);
    MPI_Datatype members[3] = {MPI_CHAR, MPI_DOUBLE, MPI_INT};
    MPI_Type_create_struct(3, lengths, places, members, &raw);
    MPI_Type_create_resized(raw, 0, sizeof(struct particle), &particle);
    MPI_Type_commit(&particle);
    for (int i = 0; i < 20; i++) {
        particles[i].kind = (char)('a' + i);
        particles[i].x[0] = rank + i;
        particles[i].x[2] = rank * i;
        particles[i].id = 100 * rank + i;
    }
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Sendrecv(particles, 20, particle, right, 0, got, 20, particle, left, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 0; i < 20; i++)
        CHECK(got[i].kind == 'a' + i && got[i].x[0] == left + i && got[i].x[2] == left * i && got[i].id == 100 * left + i,
              "particle %d", i);
    /* absolute addresses with MPI_BOTTOM */
    int a = rank, b = rank * 2, c[2] = {-1, -1};
    MPI_Aint absolute[2];
    int ones[2] = {1, 1};
    MPI_Get_address(&a, &absolute[0]);
    MPI_Get_address(&b, &absolute[1]);
    MPI_Datatype everywhere;
    MPI_Type_create_hindexed(2, ones, absolute, MPI_INT, &everywhere);
    MPI_Type_commit(&everywhere);
    MPI_Sendrecv(MPI_BOTTOM, 1, everywhere, right, 1, c, 2, MPI_INT, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK(c[0] == left && c[1] == 2 * left, "MPI_BOTTOM gave %d %d", c[0], c[1]);
    MPI_Type_free(&everywhere);
    MPI_Type_free(&raw);
    MPI_Type_free(&particle);
    return FINISH("transfers of derived datatypes");
}
