//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Names of communicators: the predefined ones, set, changed, long, not inherited by copies.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    char name[MPI_MAX_OBJECT_NAME], longest[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Comm_get_name(MPI_COMM_WORLD, name, &length);
    CHECK(strcmp(name, "MPI_COMM_WORLD") == 0 && length == 14, "the world is named %s", name);
    MPI_Comm_get_name(MPI_COMM_SELF, name, &length);
    CHECK(strcmp(name, "MPI_COMM_SELF") == 0, "oneself is named %s", name);
    MPI_Comm copy;
    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    MPI_Comm_get_name(copy, name, &length);
    CHECK(length == 0 && name[0] == 0, "a copy is named %s", name);
    MPI_Comm_set_name(copy, "grid of the ocean");
    MPI_Comm_get_name(copy, name, &length);
    CHECK(strcmp(name, "grid of the ocean") == 0 && length == 17, "it is named %s", name);
    memset(longest, 'x', sizeof longest);
    longest[MPI_MAX_OBJECT_NAME - 1] = 0;
    MPI_Comm_set_name(copy, longest);
    MPI_Comm_get_name(copy, name, &length);
    CHECK(length == MPI_MAX_OBJECT_NAME - 1 && strcmp(name, longest) == 0, "a long name has %d characters", length);
    MPI_Comm_set_name(MPI_COMM_WORLD, "everything");
    MPI_Comm_get_name(MPI_COMM_WORLD, name, &length);
    CHECK(strcmp(name, "everything") == 0, "the world is named %s", name);
    MPI_Comm_free(&copy);
    return FINISH("names");
}
