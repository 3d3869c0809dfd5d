#include "CTestCrypto.h"

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if defined(__GLIBC__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#include <malloc.h>

size_t tc_allocated_bytes(void) { return mallinfo2().uordblks; }
#else
size_t tc_allocated_bytes(void) { return 0; }
#endif
