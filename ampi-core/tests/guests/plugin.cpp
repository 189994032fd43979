// Opened with dlopen by every rank: static state, thread-locals (dynamic block), exceptions, a symbol of the program.
#include <dlfcn.h>
#include <stdexcept>
#include <string>
extern "C" int program_value;
static int state = 100;
static thread_local int per_thread = 7;
thread_local std::string text = "initial";
__attribute__((constructor)) static void start() { state += 1; }
extern "C" int plugin_count() { return ++state; }
extern "C" int *plugin_thread() { per_thread++; return &per_thread; }
extern "C" const char *plugin_text(const char *add) { text += add; return text.c_str(); }
extern "C" int plugin_program() { return program_value; }
extern "C" int plugin_throws(int x) { try { if (x) throw std::runtime_error("plugin"); } catch (std::exception &) { return 5; } return 0; }
extern "C" void plugin_escapes() { throw std::out_of_range("escaped"); }
