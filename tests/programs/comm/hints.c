//# vp: 2
//# expect: /ok on \d+ ranks/
// Hints about communicators: unknown ones are ignored, those not named stay, duplicates have their own. And the names of
// the null handles.
#include "../check.h"

static const char *hint(MPI_Comm comm, const char *key)
{
    static char value[64];
    int flag, room = sizeof value;
    MPI_Info info;
    MPI_Comm_get_info(comm, &info);
    MPI_Info_get_string(info, key, &room, value, &flag);
    MPI_Info_free(&info);
    return flag ? value : "";
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm comm, copy, other;
    MPI_Info info;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Info_create(&info);
    MPI_Info_set(info, "no_such_hint", "true");
    MPI_Info_set(info, "mpi_assert_no_any_tag", "true");
    MPI_Comm_set_info(comm, info);
    CHECK(!strcmp(hint(comm, "no_such_hint"), ""), "an unknown hint was kept");
    CHECK(!strcmp(hint(comm, "mpi_assert_no_any_tag"), "true"), "a hint was lost");
    MPI_Info_free(&info);
    MPI_Info_create(&info);
    MPI_Info_set(info, "mpi_assert_exact_length", "true");
    MPI_Comm_set_info(comm, info);
    CHECK(!strcmp(hint(comm, "mpi_assert_no_any_tag"), "true"), "a hint that was not named is gone");
    MPI_Comm_dup(comm, &copy);
    CHECK(!strcmp(hint(copy, "mpi_assert_no_any_tag"), "true"), "the duplicate has no hints");
    MPI_Comm_dup_with_info(comm, info, &other);
    CHECK(!strcmp(hint(other, "mpi_assert_no_any_tag"), ""), "the duplicate has hints of the original");
    CHECK(!strcmp(hint(other, "mpi_assert_exact_length"), "true"), "the duplicate has not the given hint");
    MPI_Info_free(&info);

    char name[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Comm_get_name(MPI_COMM_NULL, name, &length);
    CHECK(!strcmp(name, "MPI_COMM_NULL"), "%s", name);
    MPI_Type_get_name(MPI_DATATYPE_NULL, name, &length);
    CHECK(!strcmp(name, "MPI_DATATYPE_NULL"), "%s", name);
    MPI_Comm_free(&comm);
    MPI_Comm_free(&copy);
    MPI_Comm_free(&other);
    return FINISH("hints");
}
