/* Frames by the stable interface of zstd 1.4 and later. */
#ifdef SERF_ZSTD
#include "CZstd.h"

#include <zstd.h>
#include <zstd_errors.h>

sz_packer *sz_packer_new(int level) {
  ZSTD_CCtx *context = ZSTD_createCCtx();
  if (!context) return NULL;
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1))) {
    ZSTD_freeCCtx(context);
    return NULL;
  }
  return (sz_packer *)context;
}

void sz_packer_free(sz_packer *packer) { ZSTD_freeCCtx((ZSTD_CCtx *)packer); }

sz_unpacker *sz_unpacker_new(int window_log) {
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (!context) return NULL;
  if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log))) {
    ZSTD_freeDCtx(context);
    return NULL;
  }
  return (sz_unpacker *)context;
}

void sz_unpacker_free(sz_unpacker *unpacker) { ZSTD_freeDCtx((ZSTD_DCtx *)unpacker); }

size_t sz_bound(size_t size) { return ZSTD_compressBound(size); }

size_t sz_pack(sz_packer *packer, const void *message, size_t size, void *frame, size_t capacity) {
  size_t length = ZSTD_compress2((ZSTD_CCtx *)packer, frame, capacity, message, size);
  return ZSTD_isError(length) ? 0 : length;
}

int sz_frame_begins(const void *data, size_t length, uint64_t *size) {
  const unsigned char *bytes = data;
  if (length < 4 || bytes[0] != 0x28 || bytes[1] != 0xb5 || bytes[2] != 0x2f || bytes[3] != 0xfd) return 0;
  unsigned long long stated = ZSTD_getFrameContentSize(data, length);
  *size = stated == ZSTD_CONTENTSIZE_UNKNOWN || stated == ZSTD_CONTENTSIZE_ERROR ? SZ_SIZE_UNKNOWN : stated;
  return 1;
}

void sz_unpack_begin(sz_unpacker *unpacker) { ZSTD_DCtx_reset((ZSTD_DCtx *)unpacker, ZSTD_reset_session_only); }

sz_result sz_unpack(
    sz_unpacker *unpacker, const void *data, size_t length, size_t *read, void *output, size_t capacity, size_t *written) {
  ZSTD_inBuffer in = {data, length, 0};
  ZSTD_outBuffer out = {output, capacity, 0};
  size_t result = ZSTD_decompressStream((ZSTD_DCtx *)unpacker, &out, &in);
  *read = in.pos;
  *written = out.pos;
  if (!ZSTD_isError(result)) return result == 0 ? SZ_FRAME_END : SZ_MORE;
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_frameParameter_windowTooLarge: return SZ_WINDOW_TOO_LARGE;
    case ZSTD_error_memory_allocation: return SZ_NO_MEMORY;
    default: return SZ_CORRUPT;
  }
}
#endif
