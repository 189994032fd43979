//# p: 1,2
//# vp: 1,4,8,64
//# plugin: plugin_counter.c
//# flags: -rdynamic -ldl
//# compare: mpich
//# expect: /rank 0: plug-in /
// Each rank opens a plug-in of its own: dlopen, dlsym, dlerror, dladdr, dlclose; a second dlopen gives the same copy.
#define _GNU_SOURCE
#include "../check.h"
#include <dlfcn.h>
#include <libgen.h>

int host_offset;

int main(int argc, char **argv)
{
    START(argc, argv);
    char directory[4096], path[4200];
    snprintf(directory, sizeof directory, "%s", argv[0]);
    snprintf(path, sizeof path, "%s/plugin_counter.so", dirname(directory));
    host_offset = rank;

    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != NULL, "dlopen: %s", dlerror());
    int (*step)(int) = (int (*)(int))dlsym(handle, "plugin_step");
    CHECK(step != NULL, "dlsym: %s", dlerror());
    int *state = (int *)dlsym(handle, "plugin_state");
    CHECK(state != NULL, "dlsym: %s", dlerror());
    CHECK_EQ(*state, 100);
    MPI_Barrier(MPI_COMM_WORLD);

    int result = 0;
    for (int round = 1; round <= 5; round++) {
        result = step(rank);
        CHECK_EQ(result, round * 1000000 + (4 + rank * round) * 1000 + rank);
        CHECK_EQ(*state, 100 + rank * round);
    }
    void *again = dlopen(path, RTLD_NOW);
    CHECK(again == handle, "the second dlopen of a file gave another handle: %p %p", again, handle);
    CHECK(dlclose(again) == 0, "dlclose: %s", dlerror());
    CHECK_EQ(*state, 100 + rank * 5);

    Dl_info info;
    CHECK(dladdr((void *)step, &info) != 0 && info.dli_sname, "dladdr found no symbol");
    CHECK(strcmp(info.dli_sname, "plugin_step") == 0, "dladdr says %s", info.dli_sname);
    CHECK(strstr(info.dli_fname, "plugin_counter.so") != NULL, "dladdr says %s", info.dli_fname);

    dlerror();
    CHECK(dlsym(handle, "there_is_no_such_symbol") == NULL, "a symbol was invented");
    const char *error = dlerror();
    CHECK(error && strstr(error, "there_is_no_such_symbol"), "dlerror says %s", error ? error : "nothing");
    CHECK(dlerror() == NULL, "dlerror was not cleared");
    CHECK(dlopen("./there-is-no-such-library.so", RTLD_NOW) == NULL, "a library was invented");
    error = dlerror();
    CHECK(error && strstr(error, "there-is-no-such-library.so"), "dlerror says %s", error ? error : "nothing");

    void *self = dlopen(NULL, RTLD_NOW);
    CHECK(self && dlsym(self, "host_offset") == &host_offset, "dlopen(NULL) does not find the program's own symbol");
    CHECK(dlsym(RTLD_DEFAULT, "host_offset") == &host_offset, "RTLD_DEFAULT does not find the program's own symbol");
    int (*from_libc)(const char *) = (int (*)(const char *))dlsym(RTLD_DEFAULT, "atoi");
    CHECK(from_libc && from_libc("42") == 42, "RTLD_DEFAULT does not find a function of libc");
    MPI_Barrier(MPI_COMM_WORLD);
    printf("rank %d: plug-in result %d\n", rank, result);
    CHECK(dlclose(handle) == 0, "dlclose: %s", dlerror());
    MPI_Finalize();
    return 0;
}
