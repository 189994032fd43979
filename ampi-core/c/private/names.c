/* The names under which a program knows itself. */
#include "private.h"
#include <string.h>

char *__progname_full = "";
char *__progname = "";
extern char *program_invocation_name ALIAS(__progname_full);
extern char *program_invocation_short_name ALIAS(__progname);

void init_names(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    program_invocation_name = (char *)argv0;
    program_invocation_short_name = (char *)(slash ? slash + 1 : argv0);
    __progname_full = program_invocation_name;
    __progname = program_invocation_short_name;
}
