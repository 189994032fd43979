//# p: 1,2
//# vp: 1,2
//# isolate: image
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Attributes of datatypes, copied by MPI_Type_dup.
#include "../check.h"

static int copies, deletes;
static int copy(MPI_Datatype type, int keyval, void *extra, void *in, void *out, int *flag)
{
    (void)type;
    (void)keyval;
    (void)extra;
    copies++;
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}
static int delete(MPI_Datatype type, int keyval, void *value, void *extra)
{
    (void)type;
    (void)keyval;
    (void)value;
    (void)extra;
    deletes++;
    return MPI_SUCCESS;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int key, flag;
    void *value;
    MPI_Datatype type, twin, wide;
    MPI_Type_create_keyval(copy, delete, &key, NULL);
    MPI_Type_contiguous(3, MPI_INT, &type);
    MPI_Type_set_attr(type, key, (void *)(size_t)5);
    MPI_Type_set_attr(MPI_INT, key, (void *)(size_t)6);
    MPI_Type_dup(type, &twin);
    CHECK_EQ(copies, 1);
    MPI_Type_get_attr(twin, key, &value, &flag);
    CHECK(flag && (size_t)value == 5, "copied value %p", value);
    MPI_Type_contiguous(2, type, &wide);
    MPI_Type_get_attr(wide, key, &value, &flag);
    CHECK(!flag, "a new type inherits no attributes");
    MPI_Type_free(&wide);
    MPI_Type_get_attr(MPI_INT, key, &value, &flag);
    CHECK(flag && (size_t)value == 6, "attribute of MPI_INT");
    MPI_Type_delete_attr(MPI_INT, key);
    CHECK_EQ(deletes, 1);
    MPI_Type_free(&type); /* a copy may keep it alive */
    MPI_Type_free(&twin);
    CHECK_EQ(deletes, 3);
    MPI_Type_free_keyval(&key);
    CHECK_EQ(key, MPI_KEYVAL_INVALID);
    return FINISH("attributes of datatypes");
}
