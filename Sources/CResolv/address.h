#pragma once
#include "CResolv.h"

/* 4 or 16 bytes in network order as words. */
static inline void cr_from_bytes(cr_address *address, const uint8_t *bytes, uint8_t length, uint32_t zone) {
  uint64_t words[2] = {0, 0};
  for (size_t i = 0; i < length; i++) words[i / 8] |= (uint64_t)bytes[i] << (56 - 8 * (i % 8));
  address->high = words[0];
  address->low = words[1];
  address->zone = zone;
  address->length = length;
}
