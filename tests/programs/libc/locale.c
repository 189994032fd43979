//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect: /ok on \d+ ranks/
// setlocale and uselocale in some ranks only; character functions and number formats of the others stay as they were.
#define _GNU_SOURCE
#include "../check.h"
#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <wchar.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK(strcmp(setlocale(LC_ALL, NULL), "C") == 0, "the locale at start is %s", setlocale(LC_ALL, NULL));
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank % 2)
        CHECK(setlocale(LC_CTYPE, "C.UTF-8") != NULL, "no locale C.UTF-8");
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(strcmp(setlocale(LC_CTYPE, NULL), rank % 2 ? "C.UTF-8" : "C") == 0, "LC_CTYPE is %s", setlocale(LC_CTYPE, NULL));
    CHECK(strcmp(nl_langinfo(CODESET), rank % 2 ? "UTF-8" : "ANSI_X3.4-1968") == 0, "the code set is %s", nl_langinfo(CODESET));
    wchar_t wide = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t length = mbrtowc(&wide, "\xc3\xa9", 2, &state);
    if (rank % 2)
        CHECK(length == 2 && wide == 0xe9, "an e with acute accent is read as %zu bytes, U+%x", length, (unsigned)wide);
    CHECK(toupper('a') == 'A' && isspace('\t') && !isalpha('1'), "character classes");
    locale_t local = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), before = uselocale(local);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(uselocale((locale_t)0) == local, "uselocale of another rank is in force");
    uselocale(before);
    freelocale(local);
    char text[20];
    snprintf(text, sizeof text, "%.1f", 1.5);
    CHECK(strcmp(text, "1.5") == 0, "1.5 is printed as %s", text);
    return FINISH("locale");
}
