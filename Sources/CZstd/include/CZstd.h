#pragma once
/*
 * libzstd behind two opaque types, for Swift: one that packs messages and one that unpacks them, each with its memory.
 *
 * This header shows nothing of zstd.h. Without SERF_ZSTD the source compiles to nothing, so that a package without the trait needs no
 * libzstd.
 */
#include <stdint.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sz_packer sz_packer;
typedef struct sz_unpacker sz_unpacker;

/* The result of a step of unpacking. */
typedef enum sz_result {
  /* Some bytes were read or written, or both; the frame has not ended. */
  SZ_MORE,
  /* The frame ended exactly after the bytes read. */
  SZ_FRAME_END,
  /* Not zstd, or damaged. */
  SZ_CORRUPT,
  /* The frame needs a window above the unpacker's limit. */
  SZ_WINDOW_TOO_LARGE,
  /* No memory. */
  SZ_NO_MEMORY,
} sz_result;

/* Both return NULL when there is no memory; both free functions take NULL. */
sz_packer *sz_packer_new(int level);
void sz_packer_free(sz_packer *packer);
/* `window_log`: the largest window that a frame may ask for, as a power of two. */
sz_unpacker *sz_unpacker_new(int window_log);
void sz_unpacker_free(sz_unpacker *unpacker);

/* How many bytes a message of `size` bytes may take at most. */
size_t sz_bound(size_t size);
/* Packs a whole message as one frame that states its size. Returns the frame's length, or 0 when there is no memory or no room. */
size_t sz_pack(sz_packer *packer, const void *message, size_t size, void *frame, size_t capacity);

#define SZ_SIZE_UNKNOWN UINT64_MAX
/* Whether a frame begins here, and in `size` the expanded size that it states, or SZ_SIZE_UNKNOWN. Only the current format, no skippable frames. */
int sz_frame_begins(const void *data, size_t length, uint64_t *size);
/* Drops the frame in progress. */
void sz_unpack_begin(sz_unpacker *unpacker);
/* Reads from `data` and writes to `output` until one of them ends; `*read` and `*written` say how far. */
sz_result sz_unpack(
    sz_unpacker *unpacker, const void *data, size_t length, size_t *read, void *output, size_t capacity, size_t *written);

#ifdef __cplusplus
}
#endif
