#pragma once
/* Where ngtcp2 gets its memory. */
#include <ngtcp2/ngtcp2.h>

/* Any thread may use it at any time. */
const ngtcp2_mem *sq_memory(void);
