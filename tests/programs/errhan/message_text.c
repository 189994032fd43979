//# p: 1,2
//# vp: 1,4
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// The string of a code that a call returned names function, argument value and communicator.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_name(comm, "the lattice");
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    char text[MPI_MAX_ERROR_STRING];
    int length, value = 0, code = MPI_Send(&value, 1, MPI_INT, 4711, 0, comm);
    MPI_Error_string(code, text, &length);
    CHECK(strstr(text, "MPI_Send") && strstr(text, "4711") && strstr(text, "the lattice"), "the text is: %s", text);
    code = MPI_Bcast(&value, -17, MPI_INT, 0, comm);
    MPI_Error_string(code, text, &length);
    CHECK(strstr(text, "MPI_Bcast") && strstr(text, "-17"), "the text is: %s", text);
    MPI_Comm_free(&comm);
    return FINISH("message text");
}
