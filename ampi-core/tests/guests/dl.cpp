// dlopen and its relatives, from the rank and from a thread it creates.
#include "test.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdexcept>
#include <string>
extern "C" { int program_value = 50; }
static void *plugin;
typedef int (*Count)();
typedef int *(*Thread)();
typedef const char *(*Text)(const char *);
static int seen;
static int visit(dl_phdr_info *info, size_t, void *) { if (std::strstr(info->dlpi_name, "plugin.so")) seen++; return 0; }
extern "C" __attribute__((visibility("default"))) int found_by_name() { return 77; }
static void *in_thread(void *)
{
    Thread thread = (Thread)dlsym(plugin, "plugin_thread");
    Text text = (Text)dlsym(plugin, "plugin_text");
    int *p = thread();
    if (*p != 8) return (void *)1;
    if (std::string(text("+t")) != "initial+t") return (void *)2;
    return p;
}
int main(int, char **argv)
{
    int r = ampi_test_rank();
    program_value += r;
    std::string path = argv[1];
    CHECK(!dlopen((path + ".missing").c_str(), RTLD_NOW));
    const char *why = dlerror();
    CHECK(why && std::strstr(why, "missing"));
    CHECK(!dlerror());
    CHECK(!dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD));
    plugin = dlopen(path.c_str(), RTLD_NOW);
    if (!plugin) std::printf("%s\n", dlerror());
    CHECK(plugin);
    ampi_test_yield();
    CHECK(dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD) == plugin);
    CHECK(std::strstr(((link_map *)plugin)->l_name, "plugin.so"));
    Count count = (Count)dlsym(plugin, "plugin_count"), program = (Count)dlsym(plugin, "plugin_program");
    Thread thread = (Thread)dlsym(plugin, "plugin_thread");
    Text text = (Text)dlsym(plugin, "plugin_text");
    int (*throws)(int) = (int (*)(int))dlsym(plugin, "plugin_throws");
    CHECK(count && program && thread && text && throws);
    CHECK(!dlsym(plugin, "no_such_function") && std::strstr(dlerror(), "no_such_function"));
    int *p = thread();
    for (int i = 0; i <= r; i++) count();
    ampi_test_yield();
    CHECK(count() == 103 + r);
    CHECK(program() == 50 + r);
    CHECK(*p == 8 && thread() == p && *p == 9);
    CHECK(std::string(text("+m")) == "initial+m");
    CHECK(throws(1) == 5);
    try { ((void (*)())dlsym(plugin, "plugin_escapes"))(); return 1; } catch (std::out_of_range &e) { CHECK(!std::strcmp(e.what(), "escaped")); }
    pthread_t t;
    void *result;
    CHECK(pthread_create(&t, 0, in_thread, 0) == 0);
    CHECK(pthread_join(t, &result) == 0);
    CHECK((unsigned long)result > 100 && result != p);
    CHECK(*p == 9);
    Dl_info info;
    CHECK(dladdr((void *)count, &info) && !std::strcmp(info.dli_sname, "plugin_count") && info.dli_saddr == (void *)count);
    CHECK(std::strstr(info.dli_fname, "plugin.so"));
    CHECK(dladdr((void *)std::qsort, &info) && std::strstr(info.dli_fname, "libc.so"));
    CHECK(dl_iterate_phdr(visit, 0) == 0 && seen == 1);
    CHECK(((Count)dlsym(dlopen(0, RTLD_NOW), "found_by_name"))() == 77);
    CHECK(dlsym(RTLD_DEFAULT, "found_by_name") && dlsym(RTLD_DEFAULT, "qsort"));
    void *m = dlopen("libm.so.6", RTLD_NOW);
    CHECK(m && ((double (*)(double))dlsym(m, "cos"))(0) == 1);
    char name[64];
    CHECK(ampi_test_symbol((unsigned long)count + 1, name) && !std::strcmp(name, "plugin_count"));
    CHECK(dlclose(plugin) == 0);
    std::printf("rank %d dl fine\n", r);
    return 0;
}
