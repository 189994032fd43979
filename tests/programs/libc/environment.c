//# p: 1,2
//# vp: 1,4,8,64
//# env: TEST_GIVEN=from-outside
//# compare: mpich
//# expect: /ok on \d+ ranks/
// setenv, putenv, unsetenv and environ are private to the rank; what is given from outside is there.
#define _GNU_SOURCE
#include "../check.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    char value[40], put[60];
    CHECK(getenv("TEST_GIVEN") && strcmp(getenv("TEST_GIVEN"), "from-outside") == 0, "TEST_GIVEN is %s",
          getenv("TEST_GIVEN") ? getenv("TEST_GIVEN") : "not set");
    CHECK(getenv("PATH") != NULL, "PATH is not set");
    CHECK(getenv("TEST_OWN") == NULL, "TEST_OWN is set at start");
    MPI_Barrier(MPI_COMM_WORLD);
    snprintf(value, sizeof value, "value of %d", rank);
    CHECK(setenv("TEST_OWN", value, 1) == 0, "setenv");
    snprintf(put, sizeof put, "TEST_PUT=%d", rank);
    CHECK(putenv(put) == 0, "putenv");
    if (rank % 2)
        unsetenv("TEST_GIVEN");
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(strcmp(getenv("TEST_OWN"), value) == 0, "TEST_OWN is \"%s\"", getenv("TEST_OWN"));
    CHECK(atoi(getenv("TEST_PUT")) == rank, "TEST_PUT is \"%s\"", getenv("TEST_PUT"));
    CHECK((getenv("TEST_GIVEN") == NULL) == rank % 2, "unsetenv in one rank is seen in another");
    int seen = 0;
    for (char **variable = environ; *variable; variable++)
        seen += strncmp(*variable, "TEST_OWN=", 9) == 0;
    CHECK_EQ(seen, 1);
    CHECK(setenv("TEST_OWN", "other", 0) == 0 && strcmp(getenv("TEST_OWN"), value) == 0, "setenv without overwrite");
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        clearenv();
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK((getenv("TEST_OWN") == NULL) == (rank == 0), "clearenv");
    return FINISH("environment");
}
