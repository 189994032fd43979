//# p: 1,2
//# vp: 1,4,8,32
//# compare: mpich
//# expect: /^life: generation 128 on \d+ ranks, \d+ alive, glider back$/
// Conway's life on a torus, rows dealt out, persistent requests for the halo; gliders come back where they started.
#include "../check.h"

#define ROWS 32
#define COLUMNS 32

static unsigned char board[ROWS + 2][COLUMNS], next_board[ROWS + 2][COLUMNS];

int main(int argc, char **argv)
{
    START(argc, argv);
    int first = ROWS * rank / size, rows = ROWS * (rank + 1) / size - first;
    static const int glider[5][2] = {{0, 1}, {1, 2}, {2, 0}, {2, 1}, {2, 2}};
    for (int g = 0; g < 5; g++)
        for (int copy = 0; copy < 2; copy++) {
            int row = glider[g][0] + copy * 14, column = glider[g][1] + copy * 9;
            if (row >= first && row < first + rows)
                board[row - first + 1][column] = 1;
        }
    unsigned char(*start)[COLUMNS] = malloc(sizeof board);
    memcpy(start, board, sizeof board);
    int up = (rank + size - 1) % size, down = (rank + 1) % size, alive = 0, total, generations = 4 * ROWS;
    MPI_Request halo[4];
    MPI_Recv_init(board[0], COLUMNS, MPI_UNSIGNED_CHAR, up, 0, MPI_COMM_WORLD, &halo[0]);
    MPI_Recv_init(board[rows + 1], COLUMNS, MPI_UNSIGNED_CHAR, down, 1, MPI_COMM_WORLD, &halo[1]);
    MPI_Send_init(board[rows], COLUMNS, MPI_UNSIGNED_CHAR, down, 0, MPI_COMM_WORLD, &halo[2]);
    MPI_Send_init(board[1], COLUMNS, MPI_UNSIGNED_CHAR, up, 1, MPI_COMM_WORLD, &halo[3]);
    for (int generation = 0; generation < generations; generation++) {
        MPI_Startall(4, halo);
        MPI_Waitall(4, halo, MPI_STATUSES_IGNORE);
        for (int r = 1; r <= rows; r++)
            for (int c = 0; c < COLUMNS; c++) {
                int n = -board[r][c];
                for (int dr = -1; dr <= 1; dr++)
                    for (int dc = -1; dc <= 1; dc++)
                        n += board[r + dr][(c + dc + COLUMNS) % COLUMNS];
                next_board[r][c] = n == 3 || (n == 2 && board[r][c]);
            }
        memcpy(board[1], next_board[1], (size_t)rows * COLUMNS);
    }
    CHECK(memcmp(board[1], start[1], (size_t)rows * COLUMNS) == 0, "a glider did not come back after %d generations", generations);
    for (int r = 1; r <= rows; r++)
        for (int c = 0; c < COLUMNS; c++)
            alive += board[r][c];
    MPI_Allreduce(&alive, &total, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK_EQ(total, 10);
    for (int i = 0; i < 4; i++)
        MPI_Request_free(&halo[i]);
    free(start);
    if (rank == 0)
        printf("life: generation %d on %d ranks, %d alive, glider back\n", generations, size, total);
    MPI_Finalize();
    return 0;
}
