//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Files of each rank: FILE* with interleaved reads and writes, descriptors, positions, mmap of a file, directories.
#define _GNU_SOURCE
#include "../check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    char name[64];
    snprintf(name, sizeof name, "file-%d.dat", rank);
    FILE *file = fopen(name, "w+");
    CHECK(file != NULL, "fopen %s", name);
    for (int i = 0; i < 200; i++) {
        fprintf(file, "%d %d\n", rank, i);
        if (i % 50 == 0)
            MPI_Barrier(MPI_COMM_WORLD);
    }
    long position = ftell(file);
    rewind(file);
    MPI_Barrier(MPI_COMM_WORLD);
    int r, i, count = 0;
    while (fscanf(file, "%d %d", &r, &i) == 2) {
        CHECK(r == rank && i == count, "line %d of %s holds %d %d", count, name, r, i);
        count++;
    }
    CHECK_EQ(count, 200);
    CHECK_EQ(ftell(file), position);
    fclose(file);

    int descriptor = open(name, O_RDWR);
    CHECK(descriptor > 2, "open gave %d", descriptor);
    struct stat status;
    CHECK(fstat(descriptor, &status) == 0 && status.st_size == position, "fstat");
    char *map = mmap(NULL, (size_t)position, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    CHECK(map != MAP_FAILED, "mmap of a file");
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK_EQ(atoi(map), rank);
    map[0] = '#';
    munmap(map, (size_t)position);
    char first;
    CHECK(pread(descriptor, &first, 1, 0) == 1 && first == '#', "a shared mapping was not written");
    lseek(descriptor, 0, SEEK_END);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(write(descriptor, "tail", 4) == 4, "write");
    CHECK_EQ(lseek(descriptor, 0, SEEK_CUR), position + 4);
    close(descriptor);
    CHECK(unlink(name) == 0, "unlink %s", name);

    char *anonymous = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(anonymous != MAP_FAILED && anonymous[4096] == 0, "anonymous mmap");
    memset(anonymous, rank % 100, 1 << 20);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int k = 0; k < 1 << 20; k += 4096)
        CHECK_EQ(anonymous[k], rank % 100);
    CHECK(mprotect(anonymous, 4096, PROT_READ) == 0, "mprotect");
    CHECK(munmap(anonymous, 1 << 20) == 0, "munmap");
    int pipes[2];
    CHECK(pipe(pipes) == 0, "pipe");
    CHECK(write(pipes[1], &rank, sizeof rank) == sizeof rank, "write to a pipe");
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(read(pipes[0], &r, sizeof r) == sizeof r && r == rank, "pipe gave %d", r);
    close(pipes[0]);
    close(pipes[1]);
    return FINISH("files");
}
