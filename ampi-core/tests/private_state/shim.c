/* The runtime's services for libampi_private.so, as an ordinary process would provide them: lets the library be preloaded
 * into a plain program, whose output must then be what glibc alone gives. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../c/private/private.h"

/* ampi_real_<name>: a jump to the next definition of <name>. */
#define REALS(X)                                                                                                         \
    X(fopen) X(fdopen) X(freopen) X(tmpfile) X(fclose) X(fflush) X(fileno) X(setenv) X(unsetenv) X(vfscanf)              \
    X(vfwprintf) X(__vfwprintf_chk) X(fputwc) X(fputwc_unlocked) X(fputws) X(fputws_unlocked) X(fgetwc)                  \
    X(fgetwc_unlocked) X(fgetws) X(ungetwc) X(fwide) X(vasprintf) X(__vasprintf_chk) X(getline) X(getdelim)              \
    X(__getdelim) X(open_memstream) X(open_wmemstream) X(fmemopen) X(realpath) X(__realpath_chk)                         \
    X(canonicalize_file_name) X(getcwd) X(__getcwd_chk) X(get_current_dir_name) X(tempnam) X(wcsdup) X(opendir) X(tzset)          \
    X(fdopendir) X(scandir) X(scandir64) X(glob) X(glob64) X(regcomp) X(tsearch) X(getaddrinfo)

#define JUMP(name)                                                                                                       \
    __attribute__((used, visibility("hidden"))) void *real_##name;                                                       \
    __asm__(".globl ampi_real_" #name "\n.type ampi_real_" #name ", @function\nampi_real_" #name                         \
            ": jmp *real_" #name "(%rip)\n");
REALS(JUMP)

#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name);
__attribute__((constructor(101))) static void find(void) { REALS(FIND) }

static const struct ampi_private_ops *registered;
void ampi_private_register(const struct ampi_private_ops *ops) { registered = ops; }
__attribute__((destructor)) static void finish(void) { registered->finish(); }

void ampi_heap_redirect(int by) { (void)by; }
ssize_t ampi_std_read(int fd, void *to, size_t n) { return read(fd, to, n); }
ssize_t ampi_std_write(int fd, const void *from, size_t n) { return write(fd, from, n); }
off64_t ampi_std_seek(int fd, off64_t at, int whence) { return lseek64(fd, at, whence); }
int ampi_std_isatty(int fd) { return isatty(fd); }
int ampi_std_replace(int fd, int real) { return real < 0 ? close(fd) : (dup2(real, fd), close(real)); }
