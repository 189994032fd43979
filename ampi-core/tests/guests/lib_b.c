/* A library of the program: thread-local of its own, constructor, destructor, IFUNC, data that the program copies. */
#include <stdio.h>
int lib_constructed;
int copied_object[3] = {1, 2, 3};
int *copied_pointer = &copied_object[1];
__thread int lib_thread = 40;
static __thread char hidden_thread[5000];
static int one(void) { return 1; }
static int (*choose(void))(void) { return one; }
int chosen(void) __attribute__((ifunc("choose")));
__attribute__((constructor)) static void start(void) { lib_constructed = 11; }
__attribute__((destructor)) static void finish(void) { printf("library destructor\n"); }
int lib_bump(void) { hidden_thread[4999]++; copied_object[0]++; return hidden_thread[4999] + lib_thread++; }
int lib_sees(void) { return copied_object[0]; }
int overridden(void) { return 1; }
int lib_calls_overridden(void) { return overridden(); }
