#include "CAllocations.h"

#include <errno.h>
#include <execinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread bool is_counting;
static __thread uint64_t allocations;
static bool is_tracing;

enum { max_stacks = 512, max_depth = 40 };
static struct { void *frames[max_depth]; int depth; uint64_t count; } stacks[max_stacks];

__attribute__((noinline)) static void trace(void) {
  void *frames[max_depth];
  int depth = backtrace(frames, max_depth);
  for (int i = 0; i < max_stacks; i++) {
    if (stacks[i].depth == 0) {
      memcpy(stacks[i].frames, frames, sizeof frames);
      stacks[i].depth = depth;
    } else if (stacks[i].depth != depth || memcmp(stacks[i].frames, frames, depth * sizeof *frames) != 0) {
      continue;
    }
    stacks[i].count++;
    return;
  }
}

__attribute__((noinline)) static void count(void) {
  if (!is_counting) return;
  allocations++;
  if (!is_tracing) return;
  is_counting = false;
  trace();
  is_counting = true;
}

void allocations_begin(void) {
  allocations = 0;
  is_counting = true;
}

uint64_t allocations_end(void) {
  is_counting = false;
  return allocations;
}

void allocations_plant(void) {
  void *volatile memory = malloc(16);
  free(memory);
}

void allocations_trace(bool traces) {
  void *frames[1];
  backtrace(frames, 1);  /* Loads libgcc, which allocates. */
  is_tracing = traces;
}

extern const char __executable_start;

void allocations_print_trace(void) {
  for (int i = 0; i < max_stacks && stacks[i].depth > 0; i++) {
    fprintf(stderr, "%llu times:", (unsigned long long)stacks[i].count);
    /* Without the frames of this file. */
    for (int frame = 3; frame < stacks[i].depth; frame++) {
      fprintf(stderr, " 0x%zx", (size_t)((const char *)stacks[i].frames[frame] - &__executable_start) - 1);
    }
    fputc('\n', stderr);
  }
}

/* A sanitizer brings a malloc of its own. */
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  count();
  *memory = __libc_memalign(alignment, size);
  return *memory == NULL ? ENOMEM : 0;
}

#endif
