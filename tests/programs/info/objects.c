//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Info objects: set, get, get_string, delete, dup, keys in order, long values, MPI_INFO_ENV.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Info info, copy;
    int flag, n, length;
    char value[MPI_MAX_INFO_VAL + 1], key[MPI_MAX_INFO_KEY + 1];
    MPI_Info_create(&info);
    MPI_Info_get_nkeys(info, &n);
    CHECK_EQ(n, 0);
    MPI_Info_set(info, "first", "1");
    MPI_Info_set(info, "second", "two words");
    MPI_Info_set(info, "third", "3");
    MPI_Info_get_nkeys(info, &n);
    CHECK_EQ(n, 3);
    MPI_Info_get_nthkey(info, 1, key);
    CHECK(strcmp(key, "second") == 0, "key 1 is %s", key);
    MPI_Info_get(info, "second", MPI_MAX_INFO_VAL, value, &flag);
    CHECK(flag && strcmp(value, "two words") == 0, "value is %s", value);
    MPI_Info_get(info, "nothing", MPI_MAX_INFO_VAL, value, &flag);
    CHECK(!flag, "a key that is not there");
    MPI_Info_get_valuelen(info, "second", &length, &flag);
    CHECK(flag && length == 9, "length %d", length);
    length = 4;
    MPI_Info_get_string(info, "second", &length, value, &flag);
    CHECK(flag && length == 10 && strcmp(value, "two") == 0, "MPI_Info_get_string cut to %s, length %d", value, length);
    MPI_Info_set(info, "second", "changed");
    MPI_Info_dup(info, &copy);
    MPI_Info_delete(info, "first");
    MPI_Info_get_nkeys(info, &n);
    CHECK_EQ(n, 2);
    MPI_Info_get_nkeys(copy, &n);
    CHECK_EQ(n, 3);
    MPI_Info_get(copy, "second", MPI_MAX_INFO_VAL, value, &flag);
    CHECK(flag && strcmp(value, "changed") == 0, "value in the copy is %s", value);
    MPI_Info_free(&info);
    CHECK(info == MPI_INFO_NULL, "MPI_Info_free leaves the handle");
    char longest[MPI_MAX_INFO_VAL];
    memset(longest, 'v', sizeof longest);
    longest[sizeof longest - 1] = 0;
    memset(key, 'k', sizeof key);
    key[MPI_MAX_INFO_KEY - 1] = 0;
    MPI_Info_set(copy, key, longest);
    MPI_Info_get(copy, key, MPI_MAX_INFO_VAL, value, &flag);
    CHECK(flag && strcmp(value, longest) == 0, "the longest value");
    MPI_Info_free(&copy);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    MPI_Info_create(&info);
    CHECK_CLASS(MPI_Info_delete(info, "missing"), MPI_ERR_INFO_NOKEY);
    MPI_Info_free(&info);
    MPI_Info_get(MPI_INFO_ENV, "maxprocs", MPI_MAX_INFO_VAL, value, &flag);
    CHECK(!flag || atoi(value) == size, "maxprocs is %s", value);
    return FINISH("info");
}
