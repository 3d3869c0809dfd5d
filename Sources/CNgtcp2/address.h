#pragma once
/* sq_address to and from the socket addresses that ngtcp2 wants. */
#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include <ngtcp2/ngtcp2.h>

typedef union sq_sockaddr {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} sq_sockaddr;

static inline ngtcp2_socklen sq_to_sockaddr(sq_sockaddr *out, sq_address address) {
  memset(out, 0, sizeof(*out));
  if (address.length == 4) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(address.port);
    out->v4.sin_addr.s_addr = htonl((uint32_t)(address.high >> 32));
    return sizeof(out->v4);
  }
  uint64_t high = htobe64(address.high), low = htobe64(address.low);
  out->v6.sin6_family = AF_INET6;
  out->v6.sin6_port = htons(address.port);
  memcpy(&out->v6.sin6_addr, &high, 8);
  memcpy((uint8_t *)&out->v6.sin6_addr + 8, &low, 8);
  out->v6.sin6_scope_id = address.zone;
  return sizeof(out->v6);
}

static inline sq_address sq_from_sockaddr(const ngtcp2_sockaddr *sockaddr) {
  sq_address address = {0, 0, 0, 0, 0};
  if (sockaddr->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sockaddr;
    address.high = (uint64_t)ntohl(v4->sin_addr.s_addr) << 32;
    address.port = ntohs(v4->sin_port);
    address.length = 4;
  } else if (sockaddr->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)sockaddr;
    memcpy(&address.high, &v6->sin6_addr, 8);
    memcpy(&address.low, (const uint8_t *)&v6->sin6_addr + 8, 8);
    address.high = be64toh(address.high);
    address.low = be64toh(address.low);
    address.port = ntohs(v6->sin6_port);
    address.length = 16;
    address.zone = v6->sin6_scope_id;
  }
  return address;
}
