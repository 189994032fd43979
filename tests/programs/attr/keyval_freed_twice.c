//# vp: 2
//# expect: /ok on \d+ ranks/
// A key lives on while an attribute uses it; the delete callback of one attribute may free it, and the program, too.
#include "../check.h"

static int deleted;

static int delete_and_free(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)comm, (void)value, (void)extra;
    deleted++;
    return MPI_Comm_free_keyval(&keyval);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm a, b;
    int keyval, flag;
    void *value;
    MPI_Comm_dup(MPI_COMM_SELF, &a);
    MPI_Comm_dup(MPI_COMM_SELF, &b);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, delete_and_free, &keyval, NULL);
    int other = keyval, third = keyval;
    MPI_Comm_set_attr(a, keyval, &a);
    MPI_Comm_set_attr(b, keyval, &b);
    MPI_Comm_free(&a);
    CHECK_EQ(deleted, 1);
    MPI_Comm_free_keyval(&keyval);
    CHECK_EQ(keyval, MPI_KEYVAL_INVALID);
    MPI_Comm_free_keyval(&other);
    MPI_Comm_get_attr(b, third, &value, &flag);
    CHECK(flag && value == &b, "the attribute of a freed key");
    MPI_Comm_free(&b);
    CHECK_EQ(deleted, 2);

    /* now nothing uses it: it is gone */
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    int class;
    MPI_Error_class(MPI_Comm_free_keyval(&third), &class);
    CHECK_EQ(class, MPI_ERR_KEYVAL);
    return FINISH("keyval_freed_twice");
}
