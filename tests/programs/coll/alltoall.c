//# p: 1,2
//# vp: 1,2,3,4,8,64
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// Alltoall, Alltoallv and Alltoallw: sizes from 0 to large, uneven, in place, blocking and nonblocking.
#include "communicators.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comms[COMMUNICATORS];
    communicators_make(comms);
    static const int counts[] = {0, 1, 4, 257};
    for (int c = 0; c < COMMUNICATORS; c++) {
        int me, n;
        MPI_Comm_rank(comms[c], &me);
        MPI_Comm_size(comms[c], &n);
        size_t room = (size_t)n * 300;
        int *out = malloc(room * sizeof(int)), *in = malloc(room * sizeof(int));
        int *out_lengths = malloc((size_t)n * sizeof(int)), *in_lengths = malloc((size_t)n * sizeof(int));
        int *out_places = malloc((size_t)n * sizeof(int)), *in_places = malloc((size_t)n * sizeof(int));
        MPI_Datatype *out_types = malloc((size_t)n * sizeof *out_types), *in_types = malloc((size_t)n * sizeof *in_types);
        for (int k = 0; k < 4; k++)
            for (int way = 0; way < 4; way++) {
                int count = counts[k], in_place = way / 2;
                MPI_Request request;
                for (int r = 0; r < n; r++)
                    for (int i = 0; i < count; i++) {
                        out[r * count + i] = me * 1000 + r * 10 + i;
                        in[r * count + i] = in_place ? me * 1000 + r * 10 + i : -1;
                    }
                void *from = in_place ? MPI_IN_PLACE : (void *)out;
                if (way % 2) {
                    MPI_Ialltoall(from, count, MPI_INT, in, count, MPI_INT, comms[c], &request);
                    complete(&request, k % 2);
                } else {
                    MPI_Alltoall(from, count, MPI_INT, in, count, MPI_INT, comms[c]);
                }
                for (int r = 0; r < n; r++)
                    for (int i = 0; i < count; i++)
                        CHECK_EQ(in[r * count + i], r * 1000 + me * 10 + i);

                /* v: a to b gets (a * b) % (count + 1), which is symmetric as in-place asks for */
                for (size_t i = 0; i < room; i++)
                    out[i] = in[i] = -1;
                for (int r = 0; r < n; r++) {
                    out_lengths[r] = in_lengths[r] = (me * r + 1) % (count + 1);
                    out_places[r] = (n - 1 - r) * 290 + 1;
                    in_places[r] = in_place ? out_places[r] : r * 290 + 5;
                    for (int i = 0; i < out_lengths[r]; i++)
                        (in_place ? in : out)[out_places[r] + i] = me * 2000 + r * 3 + i;
                }
                if (way % 2) {
                    MPI_Ialltoallv(from, out_lengths, out_places, MPI_INT, in, in_lengths, in_places, MPI_INT, comms[c],
                                   &request);
                    complete(&request, 0);
                } else {
                    MPI_Alltoallv(from, out_lengths, out_places, MPI_INT, in, in_lengths, in_places, MPI_INT, comms[c]);
                }
                for (int r = 0; r < n; r++) {
                    for (int i = 0; i < in_lengths[r]; i++)
                        CHECK_EQ(in[in_places[r] + i], r * 2000 + me * 3 + i);
                    CHECK_EQ(in[in_places[r] + in_lengths[r]], -1);
                }

                /* w: displacements in bytes, types that differ by partner: even distance ints, odd distance pairs */
                MPI_Datatype pair;
                MPI_Type_contiguous(2, MPI_INT, &pair);
                MPI_Type_commit(&pair);
                for (size_t i = 0; i < room; i++)
                    out[i] = in[i] = -1;
                for (int r = 0; r < n; r++) {
                    int odd = (me + r) % 2;
                    out_types[r] = in_types[r] = odd ? pair : MPI_INT;
                    out_lengths[r] = in_lengths[r] = count / 2;
                    out_places[r] = in_places[r] = (int)((size_t)r * 280 * sizeof(int));
                    for (int i = 0; i < count / 2 * (odd + 1); i++)
                        (in_place ? in : out)[r * 280 + i] = me * 3000 + r + i;
                }
                if (way % 2) {
                    MPI_Ialltoallw(from, out_lengths, out_places, out_types, in, in_lengths, in_places, in_types, comms[c],
                                   &request);
                    complete(&request, 1);
                } else {
                    MPI_Alltoallw(from, out_lengths, out_places, out_types, in, in_lengths, in_places, in_types, comms[c]);
                }
                for (int r = 0; r < n; r++) {
                    int length = count / 2 * ((me + r) % 2 + 1);
                    for (int i = 0; i < length; i++)
                        CHECK_EQ(in[r * 280 + i], r * 3000 + me + i);
                    CHECK_EQ(in[r * 280 + length], -1);
                }
                MPI_Type_free(&pair);
            }
        free(out);
        free(in);
        free(out_lengths);
        free(in_lengths);
        free(out_places);
        free(in_places);
        free(out_types);
        free(in_types);
    }
    communicators_free(comms);
    return FINISH("alltoall");
}
