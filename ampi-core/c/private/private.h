/* libampi_private.so: the parts of libc that keep state per process, kept per rank.
 *
 * The library is loaded once more for every rank, after the program's own libraries and before libc, so each static
 * variable here is private to a rank and moves with it; no code in the runtime is needed for that. Functions keep glibc's
 * names and behaviour. Files: one per family.
 *
 * Build: cc -O2 -fPIC -shared -fno-builtin -Wl,-soname,libampi_private.so $LAYOUT -o libampi_private.so *.c -lm
 * where LAYOUT=-Wl,-z,norelro,-z,noseparate-code,--sort-section=name (fewest pages per rank; nothing depends on it)
 *
 * Rules:
 * 1. A variable that programs see (environ, optind, stdout, ...) has default visibility and is reached through the GOT,
 *    so that a COPY relocation in the executable is honoured.
 * 2. The real function behind an overridden name is ampi_real_<name>; the loader binds it to glibc's symbol <name>.
 * 3. Static buffers are filled by glibc's re-entrant (_r) functions, so results are equal by construction.
 */
#ifndef AMPI_PRIVATE_H
#define AMPI_PRIVATE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define ALIAS(of) __attribute__((alias(#of)))
/* A large variable that few ranks use: after all others, which then fit into one page together with the GOT. */
#define COLD __attribute__((section(".bss.cold")))

/* What the runtime asks of a rank's library. Handed over once, by the constructor. */
struct ampi_private_ops {
    void (*flush)(void);   /* write out every buffered stream of the rank */
    void (*finish)(void);  /* the rank ends: flush, then close the files it opened */
    void (*depart)(void);  /* before the rank's memory leaves this process: unlink its FILEs from libc's list */
    void (*arrive)(void);  /* after it came to another process: link them in again, make its locale */
    void (*thread_start)(void); /* first thing in a thread that the rank created */
};

/* Services of the runtime, bound by the loader. Standard descriptors are the rank's view of 0, 1 and 2. */
extern void ampi_private_register(const struct ampi_private_ops *ops);
extern ssize_t ampi_std_read(int fd, void *to, size_t n);
extern ssize_t ampi_std_write(int fd, const void *from, size_t n);
extern off64_t ampi_std_seek(int fd, off64_t offset, int whence);
extern int ampi_std_isatty(int fd);
/* The rank's descriptor `fd` (0..2) now means `real`, which it owns; -1: closed. */
extern int ampi_std_replace(int fd, int real);
/* While positive, allocations made inside glibc on this rank's behalf come from the rank's heap. */
extern void ampi_heap_redirect(int by);

/* start.c calls these in order. */
HIDDEN void init_environ(char **envp);
HIDDEN void init_names(const char *argv0);
HIDDEN void init_stdio(void);

/* stdio.c: the streams over descriptors 0..2. Returns the descriptor or -1. */
HIDDEN int std_descriptor(FILE *f);
HIDDEN void track_file(FILE *f);
/* Returns the buffer to free once the stream is closed. */
HIDDEN void *untrack_file(FILE *f);
HIDDEN void flush_all(void);

/* locale.c */
HIDDEN void locale_of_thread(void);
HIDDEN void locale_arrive(void);
#endif
