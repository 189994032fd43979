//# p: 1,2
//# vp: 1,4,8
//# plugin: plugin_cxx_thrower.cpp
//# flags: -ldl
//# compare: mpich
//# expect: /rank 0: plug-in refuses 0/
// An exception from a plug-in in C++ is caught by type in the program.
#include "../check.h"
#include <dlfcn.h>
#include <stdexcept>
#include <string>

int main(int argc, char **argv)
{
    START(argc, argv);
    std::string path = argv[0];
    path = path.substr(0, path.rfind('/') + 1) + "plugin_cxx_thrower.so";
    void *handle = dlopen(path.c_str(), RTLD_NOW);
    CHECK(handle != nullptr, "dlopen: %s", dlerror());
    auto text = reinterpret_cast<const char *(*)()>(dlsym(handle, "thrower_text"));
    auto refuse = reinterpret_cast<void (*)(int)>(dlsym(handle, "thrower_throw"));
    CHECK(text && refuse, "dlsym: %s", dlerror());
    CHECK(std::string(text()) == "constructed by the plug-in", "text is %s", text());
    MPI_Barrier(MPI_COMM_WORLD);
    std::string what;
    try {
        refuse(rank);
    } catch (const std::out_of_range &e) {
        MPI_Barrier(MPI_COMM_WORLD);
        what = e.what();
    }
    CHECK(std::string(text()) == "constructed by the plug-in and changed", "text is %s", text());
    printf("rank %d: %s\n", rank, what.c_str());
    MPI_Finalize();
    return 0;
}
