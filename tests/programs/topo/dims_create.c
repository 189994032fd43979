//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Dims_create: balanced, fixed entries kept, decreasing order.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    static const struct {
        int nodes, n, in[4], out[4];
    } cases[] = {
        {6, 2, {0, 0}, {3, 2}},       {7, 2, {0, 0}, {7, 1}},       {6, 3, {0, 3, 0}, {2, 3, 1}}, {12, 2, {0, 0}, {4, 3}},
        {64, 3, {0, 0, 0}, {4, 4, 4}}, {60, 3, {0, 0, 0}, {5, 4, 3}}, {1, 3, {0, 0, 0}, {1, 1, 1}}, {16, 2, {0, 0}, {4, 4}},
        {24, 2, {0, 4}, {6, 4}},       {100, 2, {0, 0}, {10, 10}},    {17, 1, {0}, {17}},           {1024, 2, {0, 0}, {32, 32}},
        {4, 2, {2, 2}, {2, 2}},        {30, 3, {0, 0, 0}, {5, 3, 2}}, {8, 4, {0, 0, 0, 0}, {2, 2, 2, 1}},
    };
    for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
        int dims[4];
        memcpy(dims, cases[c].in, sizeof dims);
        MPI_Dims_create(cases[c].nodes, cases[c].n, dims);
        for (int d = 0; d < cases[c].n; d++)
            CHECK(dims[d] == cases[c].out[d], "%d nodes: dimension %d is %d instead of %d", cases[c].nodes, d, dims[d],
                  cases[c].out[d]);
    }
    return FINISH("dims create");
}
