//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect: /ok on \d+ ranks/
// chdir and umask belong to a rank: relative names of others keep their meaning.
#define _GNU_SOURCE
#include "../check.h"
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    char name[64], before[4096], after[4200], now[4200];
    CHECK(getcwd(before, sizeof before) != NULL, "getcwd");
    snprintf(name, sizeof name, "directory-%d", rank);
    CHECK(mkdir(name, 0755) == 0, "mkdir %s", name);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(chdir(name) == 0, "chdir %s", name);
    umask(rank % 2 ? 077 : 022);
    MPI_Barrier(MPI_COMM_WORLD);
    snprintf(after, sizeof after, "%s/%s", before, name);
    CHECK(getcwd(now, sizeof now) != NULL && strcmp(now, after) == 0, "in %s instead of %s", now, after);
    FILE *file = fopen("inside.txt", "w");
    CHECK(file != NULL, "fopen in %s", name);
    fprintf(file, "%d", rank);
    fclose(file);
    MPI_Barrier(MPI_COMM_WORLD);
    file = fopen("inside.txt", "r");
    int r = -1;
    CHECK(file && fscanf(file, "%d", &r) == 1 && r == rank, "file of rank %d in the directory of rank %d", r, rank);
    fclose(file);
    struct stat status;
    CHECK(stat("inside.txt", &status) == 0, "stat");
    CHECK_EQ(status.st_mode & 0777, rank % 2 ? 0600 : 0644);
    CHECK(access("inside.txt", R_OK) == 0, "access");
    CHECK(unlink("inside.txt") == 0, "unlink");
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(chdir("..") == 0, "chdir ..");
    CHECK(rmdir(name) == 0, "rmdir %s", name);
    return FINISH("working directory");
}
