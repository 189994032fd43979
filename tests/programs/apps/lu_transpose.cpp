//# p: 1,2
//# vp: 1,4,8,16
//# flags: -std=c++17
//# compare: mpich
//# expect: /^LU: residual small on \d+ ranks, transposed twice$/
//# fabric: yes
// LU factorisation with rows dealt out cyclically and partial pivoting by MPI_MAXLOC, then a distributed transpose with
// derived datatypes, in C++ with a small matrix class.
#include "../check.h"
#include <cmath>
#include <stdexcept>
#include <vector>

constexpr int N = 64;

class Rows {
    std::vector<double> data;

  public:
    const int rank, size, count;
    Rows(int r, int s) : data(), rank(r), size(s), count((N - r + s - 1) / s) { data.resize(static_cast<size_t>(count * N)); }
    double *row(int local) { return &data.at(static_cast<size_t>(local * N)); }
    double *global(int g)
    {
        if (g % size != rank)
            throw std::logic_error("row of another rank");
        return row(g / size);
    }
    int owner(int g) const { return g % size; }
};

static double element(int i, int j)
{
    return i == j ? 3.0 + i % 5 : 1.0 / (1 + (i * 17 + j * 31) % 23);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    Rows a(rank, size);
    std::vector<double> right(N), solution(N), pivot(N);
    for (int l = 0; l < a.count; l++)
        for (int j = 0; j < N; j++)
            a.row(l)[j] = element(rank + l * size, j);
    for (int i = 0; i < N; i++) {
        right[static_cast<size_t>(i)] = 0;
        for (int j = 0; j < N; j++)
            right[static_cast<size_t>(i)] += element(i, j) * (j + 1);
    }
    for (int k = 0; k < N; k++) {
        struct {
            double value;
            int row;
        } mine = {-1, N}, best;
        for (int g = k; g < N; g++)
            if (a.owner(g) == rank && std::fabs(a.global(g)[k]) > mine.value)
                mine = {std::fabs(a.global(g)[k]), g};
        MPI_Allreduce(&mine, &best, 1, MPI_DOUBLE_INT, MPI_MAXLOC, MPI_COMM_WORLD);
        int from = a.owner(best.row), to = a.owner(k);
        if (best.row != k) {
            std::swap(right[static_cast<size_t>(k)], right[static_cast<size_t>(best.row)]);
            if (from == to) {
                if (rank == from)
                    for (int j = 0; j < N; j++)
                        std::swap(a.global(k)[j], a.global(best.row)[j]);
            } else if (rank == from || rank == to) {
                MPI_Sendrecv_replace(a.global(rank == to ? k : best.row), N, MPI_DOUBLE, rank == to ? from : to, 0,
                                     rank == to ? from : to, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            }
        }
        if (rank == to)
            std::copy(a.global(k), a.global(k) + N, pivot.begin());
        MPI_Bcast(pivot.data(), N, MPI_DOUBLE, to, MPI_COMM_WORLD);
        std::vector<double> factors(N, 0.0), all(N);
        for (int g = k + 1; g < N; g++)
            if (a.owner(g) == rank) {
                double *row = a.global(g), factor = row[k] / pivot[static_cast<size_t>(k)];
                for (int j = k; j < N; j++)
                    row[j] -= factor * pivot[static_cast<size_t>(j)];
                factors[static_cast<size_t>(g)] = factor;
            }
        MPI_Allreduce(factors.data(), all.data(), N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        for (size_t g = static_cast<size_t>(k) + 1; g < N; g++)
            right[g] -= all[g] * right[static_cast<size_t>(k)];
    }
    for (int k = N - 1; k >= 0; k--) {
        double value = 0;
        if (a.owner(k) == rank) {
            value = right[static_cast<size_t>(k)];
            for (int j = k + 1; j < N; j++)
                value -= a.global(k)[j] * solution[static_cast<size_t>(j)];
            value /= a.global(k)[k];
        }
        MPI_Bcast(&value, 1, MPI_DOUBLE, a.owner(k), MPI_COMM_WORLD);
        solution[static_cast<size_t>(k)] = value;
    }
    for (int i = 0; i < N; i++)
        CHECK(std::fabs(solution[static_cast<size_t>(i)] - (i + 1)) < 1e-6, "unknown %d is %.9f", i, solution[static_cast<size_t>(i)]);

    /* transpose a square matrix of size blocks by one alltoall of columns, twice */
    const int b = 4, n = b * size;
    std::vector<int> block(static_cast<size_t>(b * n)), turned(block), back(block);
    for (int i = 0; i < b * n; i++)
        block[static_cast<size_t>(i)] = (rank * b + i / n) * 1000 + i % n;
    MPI_Datatype tile, column, tiles;
    MPI_Type_vector(b, 1, n, MPI_INT, &column); /* one column of a tile */
    MPI_Type_create_hvector(b, 1, sizeof(int), column, &tile);
    MPI_Type_create_resized(tile, 0, b * static_cast<MPI_Aint>(sizeof(int)), &tiles);
    MPI_Datatype rows, plain;
    MPI_Type_vector(b, b, n, MPI_INT, &rows);
    MPI_Type_create_resized(rows, 0, b * static_cast<MPI_Aint>(sizeof(int)), &plain);
    MPI_Type_commit(&tiles);
    MPI_Type_commit(&plain);
    MPI_Alltoall(block.data(), 1, tiles, turned.data(), 1, plain, MPI_COMM_WORLD);
    for (int i = 0; i < b * n; i++)
        CHECK_EQ(turned[static_cast<size_t>(i)], i % n * 1000 + rank * b + i / n);
    MPI_Alltoall(turned.data(), 1, tiles, back.data(), 1, plain, MPI_COMM_WORLD);
    CHECK(back == block, "transposed twice is not the same");
    MPI_Type_free(&tile);
    MPI_Type_free(&column);
    MPI_Type_free(&tiles);
    MPI_Type_free(&rows);
    MPI_Type_free(&plain);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("LU: residual small on %d ranks, transposed twice\n", size);
    MPI_Finalize();
    return 0;
}
