/* Ends badly; argv[1] says how. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char *p = malloc(100);
    char *volatile alias = p;
    switch (argv[1][0]) {
    case 'd': free(p), free(alias); break;
    case 'i': free(alias + 8); break;
    case 's': free((void *)((unsigned long)&p & ~15ul)); break;
    case 'a': abort();
    case 'e': execl("/bin/true", "true", (char *)NULL); break;
    case 'f': assert(argc == 0);
    case 't': raise(15);
    }
    return 0;
}
