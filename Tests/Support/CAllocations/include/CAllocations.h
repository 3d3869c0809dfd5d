#pragma once
/*
 * Counts what one thread allocates. The functions of malloc are replaced in the whole program that links this, also for the libraries that it loads:
 * each calls glibc's own, and counts the call while the calling thread has asked for that.
 */
#include <stdbool.h>
#include <stdint.h>

/* From now on the calling thread's allocations count. */
void allocations_begin(void);
/* They do not count any more. Returns how many there were since the last begin: malloc, calloc, realloc and the aligned ones. */
uint64_t allocations_end(void);
/* Allocates and frees, in a way that no optimiser removes. */
void allocations_plant(void);
/* Keeps the call stack of each allocation that counts, or does not any more. */
void allocations_trace(bool traces);
/* Prints each call stack with the number of its allocations: addresses for llvm-symbolizer. */
void allocations_print_trace(void);
