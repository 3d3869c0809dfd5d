#pragma once
/*
 * Names to addresses by the C library, for Swift: getaddrinfo, and plain DNS queries by libresolv. Every call blocks, keeps nothing after it
 * returns, and may run on any number of threads at once. Where the C library has no thread-safe libresolv (musl) there are no DNS queries.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cr_result {
  CR_OK,
  /* The name does not exist. */
  CR_NO_NAME,
  /* The name exists, but without records of that type. */
  CR_NO_DATA,
  /* No usable answer now: the time ran out, or the servers failed. */
  CR_TRY_AGAIN,
  /* An answer that cannot be read, or a refusal. */
  CR_FAILED,
  /* The C library does not support it. */
  CR_UNSUPPORTED,
} cr_result;

/* An IP address in network order, in two words; `length` is 4 or 16, `zone` the interface of a link-local address, or 0. */
typedef struct cr_address {
  uint64_t high, low;
  uint32_t zone;
  uint8_t length;
} cr_address;

/* A DNS server, by IPv4. */
typedef struct cr_server {
  uint32_t address; /* in host order */
  uint16_t port;
} cr_server;

#define CR_TARGET_LENGTH 1025
/* One SRV record. */
typedef struct cr_service {
  uint16_t priority, weight, port;
  char target[CR_TARGET_LENGTH];
} cr_service;

/* All addresses of a host by the system's resolver, in its order; `*count` is the room before the call, and the number of addresses after it. */
cr_result cr_system(const char *host, cr_address *addresses, size_t *count);

/* The A or AAAA records (`length` 4 or 16) of a name. `server` NULL asks the servers of resolv.conf. `timeout` is in seconds, for each of `tries`. */
cr_result cr_dns_addresses(
    const char *name, uint8_t length, const cr_server *server, int timeout, int tries, cr_address *addresses, size_t *count);
/* The SRV records of a name. */
cr_result cr_dns_services(const char *name, const cr_server *server, int timeout, int tries, cr_service *services, size_t *count);

#ifdef __cplusplus
}
#endif
