/* The system's resolver: hosts file, DNS, and other sources in nsswitch.conf. */
#define _GNU_SOURCE
#include "CResolv.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"

cr_result cr_system(const char *host, cr_address *addresses, size_t *count) {
  size_t room = *count;
  struct addrinfo hints, *found = NULL;
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  *count = 0;
  switch (getaddrinfo(host, NULL, &hints, &found)) {
    case 0: break;
    case EAI_NONAME: return CR_NO_NAME;
#ifdef EAI_NODATA
    case EAI_NODATA: return CR_NO_DATA;
#endif
    case EAI_AGAIN: return CR_TRY_AGAIN;
    default: return CR_FAILED;
  }
  for (struct addrinfo *each = found; each && *count < room; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      cr_from_bytes(&addresses[(*count)++], (const uint8_t *)&((const struct sockaddr_in *)(const void *)each->ai_addr)->sin_addr, 4, 0);
    } else if (each->ai_family == AF_INET6) {
      const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)each->ai_addr;
      cr_from_bytes(&addresses[(*count)++], (const uint8_t *)&v6->sin6_addr, 16, v6->sin6_scope_id);
    }
  }
  freeaddrinfo(found);
  return *count > 0 ? CR_OK : CR_NO_DATA;
}
