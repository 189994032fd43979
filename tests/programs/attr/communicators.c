//# p: 1,2
//# vp: 1,2,8
//# isolate: image
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Attributes of communicators: copy and delete functions run at dup, overwrite, delete and free, in the standard's order.
#include "../check.h"

static int copies, deletes, last_deleted;

static int copy(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    (void)comm;
    (void)keyval;
    CHECK_EQ(*(int *)extra, 99);
    copies++;
    *(void **)out = (char *)in + 1;
    *flag = 1;
    return MPI_SUCCESS;
}

static int refuse(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    (void)comm;
    (void)keyval;
    (void)extra;
    (void)in;
    (void)out;
    *flag = 0;
    return MPI_SUCCESS;
}

static int delete(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)comm;
    (void)keyval;
    CHECK_EQ(*(int *)extra, 99);
    deletes++;
    last_deleted = (int)(size_t)value;
    return MPI_SUCCESS;
}

static int fail(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)comm;
    (void)keyval;
    (void)value;
    (void)extra;
    return MPI_ERR_OTHER;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int key, refused, plain, kept, extra = 99, flag;
    void *value;
    MPI_Comm_create_keyval(copy, delete, &key, &extra);
    MPI_Comm_create_keyval(refuse, delete, &refused, &extra);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &plain, NULL);
    MPI_Comm_create_keyval(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, &kept, NULL);
    MPI_Comm comm, twin;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_get_attr(comm, key, &value, &flag);
    CHECK(!flag, "an attribute that was never set");
    MPI_Comm_set_attr(comm, key, (void *)(size_t)1000);
    MPI_Comm_set_attr(comm, refused, (void *)(size_t)2000);
    MPI_Comm_set_attr(comm, plain, (void *)(size_t)3000);
    MPI_Comm_set_attr(comm, kept, (void *)(size_t)4000);
    MPI_Comm_get_attr(comm, key, &value, &flag);
    CHECK(flag && (size_t)value == 1000, "value %p", value);
    MPI_Comm_dup(comm, &twin);
    CHECK_EQ(copies, 1);
    MPI_Comm_get_attr(twin, key, &value, &flag);
    CHECK(flag && (size_t)value == 1001, "copied value %p", value);
    MPI_Comm_get_attr(twin, refused, &value, &flag);
    CHECK(!flag, "a refused copy");
    MPI_Comm_get_attr(twin, plain, &value, &flag);
    CHECK(!flag, "MPI_COMM_NULL_COPY_FN copied");
    MPI_Comm_get_attr(twin, kept, &value, &flag);
    CHECK(flag && (size_t)value == 4000, "MPI_COMM_DUP_FN");
    MPI_Comm_set_attr(comm, key, (void *)(size_t)1500); /* deletes the old value */
    CHECK(deletes == 1 && last_deleted == 1000, "overwriting deleted %d", last_deleted);
    MPI_Comm_delete_attr(comm, key);
    CHECK(deletes == 2 && last_deleted == 1500, "deleting deleted %d", last_deleted);
    MPI_Comm_get_attr(comm, key, &value, &flag);
    CHECK(!flag, "a deleted attribute");
    int freed = key;
    MPI_Comm_free_keyval(&key); /* lives on while attributes use it */
    CHECK_EQ(key, MPI_KEYVAL_INVALID);
    MPI_Comm_free(&twin);
    CHECK(deletes == 3 && last_deleted == 1001, "freeing deleted %d", last_deleted);
    MPI_Comm_free(&comm);
    CHECK(deletes == 4 && last_deleted == 2000, "freeing deleted %d", last_deleted);
    (void)freed;

    /* a delete function that fails: the communicator stays */
    int failing;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, fail, &failing, NULL);
    MPI_Comm_set_attr(comm, failing, NULL);
    CHECK(MPI_Comm_delete_attr(comm, failing) != MPI_SUCCESS, "a failing delete function was ignored");
    MPI_Comm_free_keyval(&refused);
    MPI_Comm_free_keyval(&plain);
    MPI_Comm_free_keyval(&kept);
    return FINISH("attributes of communicators");
}
