//# vp: 2
//# expect: /ok on \d+ ranks/
// Errors of calls without a communicator go to MPI_COMM_SELF; while the program has set no handler there, to
// MPI_COMM_WORLD, as until MPI-3.
#include "../check.h"

static int world_calls, self_calls;

static void on_world(MPI_Comm *comm, int *code, ...)
{
    (void)code;
    world_calls += *comm == MPI_COMM_WORLD;
}

static void on_self(MPI_Comm *comm, int *code, ...)
{
    (void)code;
    self_calls += *comm == MPI_COMM_SELF;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Errhandler world, self;
    int bytes, class;
    MPI_Comm_create_errhandler(on_world, &world);
    MPI_Comm_create_errhandler(on_self, &self);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, world);
    MPI_Error_class(MPI_Type_size(MPI_DATATYPE_NULL, &bytes), &class);
    CHECK_EQ(class, MPI_ERR_TYPE);
    CHECK_EQ(world_calls, 1);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, self);
    MPI_Type_size(MPI_DATATYPE_NULL, &bytes);
    CHECK_EQ(world_calls, 1);
    CHECK_EQ(self_calls, 1);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&world);
    MPI_Errhandler_free(&self);
    return FINISH("without_object");
}
