// The few C symbols that Embedded Swift needs and bare wasm32 lacks: a bump allocator, the memory functions, a seed for hashing, the stack guard.
#include <stddef.h>
#include <stdint.h>

extern unsigned char __heap_base;
static uintptr_t top;

int posix_memalign(void **out, size_t alignment, size_t size) {
  if (top == 0) top = (uintptr_t)&__heap_base;
  uintptr_t start = (top + alignment - 1) & ~(uintptr_t)(alignment - 1);
  uintptr_t end = start + size;
  if (end < start) return 12;
  while (end > (uintptr_t)__builtin_wasm_memory_size(0) * 65536) {
    if (__builtin_wasm_memory_grow(0, 16) == (size_t)-1) return 12;
  }
  top = end;
  *out = (void *)start;
  return 0;
}

// No memory is freed: the program runs once and ends.
void free(void *pointer) { (void)pointer; }

__attribute__((no_builtin)) void *memset(void *to, int byte, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile unsigned char *)to)[i] = (unsigned char)byte;
  return to;
}

__attribute__((no_builtin)) void *memcpy(void *to, const void *from, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  return to;
}

__attribute__((no_builtin)) void *memmove(void *to, const void *from, size_t count) {
  if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, count);
  for (size_t i = count; i > 0; i--) ((volatile unsigned char *)to)[i - 1] = ((const unsigned char *)from)[i - 1];
  return to;
}

int memcmp(const void *left, const void *right, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int difference = ((const unsigned char *)left)[i] - ((const unsigned char *)right)[i];
    if (difference != 0) return difference;
  }
  return 0;
}

// Hash seeds only; the core's own randomness is seeded by its caller.
void arc4random_buf(void *buffer, size_t count) { memset(buffer, 0x5a, count); }

uintptr_t __stack_chk_guard = 0x5ca1ab1e;
void __stack_chk_fail(void) { __builtin_trap(); }

// 128-bit multiplication from 32-bit halves; Duration and the generator's bounded draws need it.
__int128 __multi3(__int128 left, __int128 right) {
  uint64_t a = (uint64_t)left, b = (uint64_t)right;
  uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  uint64_t low = a0 * b0;
  uint64_t middle = a1 * b0 + (low >> 32);
  uint64_t carry = (uint32_t)middle + a0 * b1;
  uint64_t high = a1 * b1 + (middle >> 32) + (carry >> 32);
  high += (uint64_t)((unsigned __int128)left >> 64) * b + a * (uint64_t)((unsigned __int128)right >> 64);
  return (__int128)((unsigned __int128)high << 64 | (uint32_t)low | carry << 32);
}
