/* The constructor: runs before those of the program's own libraries. */
#include "private.h"
#include <stdlib.h>

HIDDEN extern const struct ampi_private_ops private_ops;

__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
    init_environ(envp);
    init_names(argc > 0 ? argv[0] : "");
    init_stdio();
    ampi_private_register(&private_ops);
}
