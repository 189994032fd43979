//# p: 1,2
//# vp: 1,2
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// Error classes, codes and strings: the predefined ones, and new ones of the program.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    static const int classes[] = {MPI_ERR_BUFFER, MPI_ERR_COUNT, MPI_ERR_TYPE, MPI_ERR_TAG, MPI_ERR_COMM, MPI_ERR_RANK,
                                  MPI_ERR_REQUEST, MPI_ERR_ROOT, MPI_ERR_GROUP, MPI_ERR_OP, MPI_ERR_TOPOLOGY, MPI_ERR_DIMS,
                                  MPI_ERR_ARG, MPI_ERR_UNKNOWN, MPI_ERR_TRUNCATE, MPI_ERR_OTHER, MPI_ERR_INTERN,
                                  MPI_ERR_IN_STATUS, MPI_ERR_PENDING, MPI_ERR_KEYVAL, MPI_ERR_INFO, MPI_ERR_INFO_KEY,
                                  MPI_ERR_INFO_VALUE, MPI_ERR_INFO_NOKEY, MPI_ERR_NO_MEM, MPI_ERR_UNSUPPORTED_OPERATION};
    char text[MPI_MAX_ERROR_STRING];
    int length, class;
    MPI_Error_string(MPI_SUCCESS, text, &length);
    CHECK(length > 0 && (int)strlen(text) == length, "text of MPI_SUCCESS");
    for (unsigned i = 0; i < sizeof classes / sizeof *classes; i++) {
        MPI_Error_class(classes[i], &class);
        CHECK_EQ(class, classes[i]); /* a class is a code of itself */
        CHECK(classes[i] > MPI_SUCCESS && classes[i] <= MPI_ERR_LASTCODE, "class %d is out of range", classes[i]);
        MPI_Error_string(classes[i], text, &length);
        CHECK(length > 5 && (int)strlen(text) == length, "text of class %d", classes[i]);
    }
    int new_class, code, second, *last, flag;
    MPI_Add_error_class(&new_class);
    CHECK(new_class > MPI_ERR_LASTCODE, "new class %d", new_class);
    MPI_Add_error_code(new_class, &code);
    MPI_Add_error_code(MPI_ERR_ARG, &second);
    MPI_Add_error_string(new_class, "the ocean is dry");
    MPI_Add_error_string(code, "not a drop");
    MPI_Error_string(code, text, &length);
    CHECK(strcmp(text, "not a drop") == 0, "text of the new code is %s", text);
    MPI_Error_string(new_class, text, &length);
    CHECK(strcmp(text, "the ocean is dry") == 0, "text of the new class is %s", text);
    MPI_Error_class(code, &class);
    CHECK_EQ(class, new_class);
    MPI_Error_class(second, &class);
    CHECK_EQ(class, MPI_ERR_ARG);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &last, &flag);
    CHECK(flag && *last >= code, "MPI_LASTUSEDCODE is %d after code %d", *last, code);
    return FINISH("error classes");
}
