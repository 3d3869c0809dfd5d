/*
 * Memory for ngtcp2, of which most is never touched.
 *
 * A connection of ngtcp2 0.12 has nine blocks of 4 to 12 KiB, 71 KiB together. It cuts small objects off each block, from the start on, and at rest it
 * has so few of them that it uses a kilobyte or two of each. From malloc, the blocks would stand between other things, in pages that are all in use.
 * Here a block begins at the start of a page of its own. The pages behind it stay untouched, and the system gives no memory for them: a block takes
 * 4 KiB until a connection has more to do.
 *
 * A block that is given back is used again by the next that needs as many pages. Some of them keep their memory, because every handshake takes and
 * gives back a few; the system gets the memory of the others. Everything smaller comes from malloc.
 */
#ifdef SERF_QUIC
#include "memory.h"

#include "CNgtcp2.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  PAGE = 4096,
  /* The smallest size that is worth a page of its own. */
  SMALLEST = 4000,
  /* The most pages of a block. */
  PAGES_MAX = 4,
  /* Pages taken from the system at once. */
  REGION_PAGES = 96,
  /* Free blocks of one number of pages that keep their memory. */
  KEPT_MAX = 64,
};

/* Stands before each allocation, and keeps what follows aligned as malloc's memory is. */
typedef struct header {
  _Alignas(max_align_t) size_t size;
  uint32_t pages; /* 0: from malloc */
} header;

typedef struct stack {
  void **blocks;
  size_t count, capacity;
} stack;

static struct {
  pthread_mutex_t lock;
  stack kept[PAGES_MAX + 1];  /* free blocks, by their pages */
  stack empty[PAGES_MAX + 1]; /* free blocks whose memory the system has */
  uint8_t *region;            /* pages that no block has had yet */
  size_t region_pages;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool push(stack *stack, void *block) {
  if (stack->count == stack->capacity) {
    size_t capacity = stack->capacity ? 2 * stack->capacity : KEPT_MAX;
    void **blocks = realloc(stack->blocks, capacity * sizeof *blocks);
    if (!blocks) return false;
    stack->blocks = blocks;
    stack->capacity = capacity;
  }
  stack->blocks[stack->count++] = block;
  return true;
}

static void *pop(stack *stack) { return stack->count > 0 ? stack->blocks[--stack->count] : NULL; }

/* Pages that no block has had yet. */
static void *fresh(size_t pages) {
  if (pool.region_pages < pages) {
    void *region = mmap(NULL, REGION_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) return NULL;
#ifdef MADV_NOHUGEPAGE
    madvise(region, REGION_PAGES * PAGE, MADV_NOHUGEPAGE); /* a huge page would be touched as a whole */
#endif
    /* What is left of the last region is too small for any block but those of fewer pages; they get theirs from this one now. */
    pool.region = region;
    pool.region_pages = REGION_PAGES;
  }
  void *block = pool.region;
  pool.region += pages * PAGE;
  pool.region_pages -= pages;
  return block;
}

static void *take(size_t pages) {
  pthread_mutex_lock(&pool.lock);
  void *block = pop(&pool.kept[pages]);
  if (!block) block = pop(&pool.empty[pages]);
  if (!block) block = fresh(pages);
  pthread_mutex_unlock(&pool.lock);
  return block;
}

static void give(void *block, size_t pages) {
  pthread_mutex_lock(&pool.lock);
  bool is_kept = pool.kept[pages].count < KEPT_MAX && push(&pool.kept[pages], block);
  pthread_mutex_unlock(&pool.lock);
  if (is_kept) return;
  madvise(block, pages * PAGE, MADV_DONTNEED);
  pthread_mutex_lock(&pool.lock);
  bool is_empty = push(&pool.empty[pages], block);
  pthread_mutex_unlock(&pool.lock);
  if (!is_empty) munmap(block, pages * PAGE);
}

/* A sanitizer has to see every allocation. */
#ifdef __has_feature
#  if __has_feature(address_sanitizer)
#    define ALL_FROM_MALLOC
#  endif
#endif

/* How many pages a block of this size gets; 0: it comes from malloc. */
static size_t pages_for(size_t size) {
#ifdef ALL_FROM_MALLOC
  (void)size;
  return 0;
#else
  static long page; /* all threads write the same */
  if (page == 0) page = sysconf(_SC_PAGESIZE);
  if (page != PAGE || size < SMALLEST) return 0;
  size_t pages = (size + sizeof(header) + PAGE - 1) / PAGE;
  return pages <= PAGES_MAX ? pages : 0;
#endif
}

static void *filled(header *header, size_t size, size_t pages) {
  if (!header) return NULL;
  header->size = size;
  header->pages = (uint32_t)pages;
  return header + 1;
}

static void *memory_malloc(size_t size, void *user_data) {
  (void)user_data;
  if (size > SIZE_MAX - sizeof(header)) return NULL;
  size_t pages = pages_for(size);
  return filled(pages > 0 ? take(pages) : malloc(sizeof(header) + size), size, pages);
}

/* What has to be zero is touched as a whole. */
static void *memory_calloc(size_t count, size_t size, void *user_data) {
  (void)user_data;
  if (size > 0 && count > (SIZE_MAX - sizeof(header)) / size) return NULL;
  return filled(calloc(1, sizeof(header) + count * size), count * size, 0);
}

static void memory_free(void *memory, void *user_data) {
  (void)user_data;
  if (!memory) return;
  header *start = (header *)memory - 1;
  if (start->pages > 0)
    give(start, start->pages);
  else
    free(start);
}

static void *memory_realloc(void *memory, size_t size, void *user_data) {
  void *larger = memory_malloc(size, user_data);
  if (!larger || !memory) return larger;
  size_t old = ((header *)memory - 1)->size;
  memcpy(larger, memory, old < size ? old : size);
  memory_free(memory, user_data);
  return larger;
}

const ngtcp2_mem *sq_memory(void) {
  static const ngtcp2_mem memory = {NULL, memory_malloc, memory_free, memory_calloc, memory_realloc};
  return &memory;
}

void *sq_memory_take(size_t size) { return memory_malloc(size, NULL); }

void sq_memory_give(void *memory) { memory_free(memory, NULL); }

bool sq_memory_is_sparse(void) { return pages_for(SMALLEST) > 0; }
#endif
