// The order of things at the end: argv[1] says how the program ends.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <string>
#include <unistd.h>

struct Noisy {
    const char *name;
    ~Noisy() { printf("destroy %s\n", name); }
};
static Noisy global{"global"};
static thread_local Noisy local{"thread_local"};
static void first() { puts("registered first"); }
static void nested() { puts("registered by a handler"); }
static void second()
{
    puts("registered second");
    atexit(nested);
}
static void with_code(int code, void *arg) { printf("on_exit %d %s\n", code, (char *)arg); }
static void quick() { puts("quick"), fflush(stdout); }
static void leaving() { exit(9); }

static void *late(void *)
{
    static thread_local Noisy in_thread{"in_thread"};
    usleep(20000);
    printf("thread ends %s\n", in_thread.name);
    return nullptr;
}

int main(int, char **argv)
{
    std::string how = argv[1];
    // glibc forgets the main thread's thread_local objects when main ends with pthread_exit.
    if (how != "thread") local.name = "thread_local of main";
    atexit(first);
    on_exit(with_code, (void *)"argument");
    at_quick_exit(quick);
    atexit(second);
    FILE *f = fopen("/dev/null", "w");
    fprintf(f, "never closed");
    printf("main %s\n", how.c_str());
    pthread_t t;
    if (how == "exit") exit(3);
    if (how == "handler") atexit(leaving);
    if (how == "quick") quick_exit(4);
    if (how == "now") fflush(stdout), _exit(5);
    if (how == "thread") pthread_create(&t, nullptr, late, nullptr), pthread_exit(nullptr);
    return 2;
}
