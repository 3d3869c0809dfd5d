/* DNS queries, each with its own resolver state. The library checks that an answer belongs to its query and repeats truncated ones over TCP. */
#define _GNU_SOURCE
#include "CResolv.h"

#include <features.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include "address.h"

/* The answer to a query in malloc'ed memory that the caller frees, and its length. */
static cr_result query(
    const char *name, int type, const cr_server *server, int timeout, int tries, unsigned char **answer, int *length) {
  struct __res_state state;
  memset(&state, 0, sizeof(state));
  if (res_ninit(&state) != 0) return CR_FAILED;
  state.retrans = timeout;
  state.retry = tries;
  if (server) {
    state.nscount = 1;
    memset(&state.nsaddr_list[0], 0, sizeof(state.nsaddr_list[0]));
    state.nsaddr_list[0].sin_family = AF_INET;
    state.nsaddr_list[0].sin_addr.s_addr = htonl(server->address);
    state.nsaddr_list[0].sin_port = htons(server->port);
  }
  *answer = malloc(NS_MAXMSG);
  cr_result result = CR_OK;
  if (!*answer) {
    result = CR_FAILED;
  } else {
    *length = res_nquery(&state, name, ns_c_in, type, *answer, NS_MAXMSG);
    if (*length < 0) {
      switch (state.res_h_errno) {
        case HOST_NOT_FOUND: result = CR_NO_NAME; break;
        case NO_DATA: result = CR_NO_DATA; break;
        case TRY_AGAIN: result = CR_TRY_AGAIN; break;
        default: result = CR_FAILED;
      }
    } else if (*length > NS_MAXMSG) {
      result = CR_FAILED;
    }
  }
  res_nclose(&state);
  return result;
}

/* Calls `take` for each record of `type` in the answer, until it returns 0. */
static cr_result each_record(
    const unsigned char *answer, int length, int type, int (*take)(void *context, ns_msg *message, ns_rr *record), void *context) {
  ns_msg message;
  if (ns_initparse(answer, length, &message) != 0) return CR_FAILED;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return CR_FAILED;
    if (ns_rr_type(record) == type && ns_rr_class(record) == ns_c_in && !take(context, &message, &record)) break;
  }
  return CR_OK;
}

typedef struct address_list {
  cr_address *addresses;
  size_t count, room;
  uint8_t length;
} address_list;

static int take_address(void *context, ns_msg *message, ns_rr *record) {
  address_list *list = context;
  (void)message;
  if (list->count == list->room) return 0;
  if (ns_rr_rdlen(*record) == list->length) cr_from_bytes(&list->addresses[list->count++], ns_rr_rdata(*record), list->length, 0);
  return 1;
}

cr_result cr_dns_addresses(
    const char *name, uint8_t length, const cr_server *server, int timeout, int tries, cr_address *addresses, size_t *count) {
  address_list list = {addresses, 0, *count, length};
  unsigned char *answer = NULL;
  int size = 0, type = length == 4 ? ns_t_a : ns_t_aaaa;
  cr_result result = query(name, type, server, timeout, tries, &answer, &size);
  if (result == CR_OK) result = each_record(answer, size, type, take_address, &list);
  free(answer);
  *count = list.count;
  return result == CR_OK && list.count == 0 ? CR_NO_DATA : result;
}

typedef struct service_list {
  cr_service *services;
  size_t count, room;
} service_list;

static int take_service(void *context, ns_msg *message, ns_rr *record) {
  service_list *list = context;
  if (list->count == list->room) return 0;
  const unsigned char *data = ns_rr_rdata(*record);
  cr_service *service = &list->services[list->count];
  if (ns_rr_rdlen(*record) < 7) return 1;
  service->priority = (uint16_t)ns_get16(data);
  service->weight = (uint16_t)ns_get16(data + 2);
  service->port = (uint16_t)ns_get16(data + 4);
  if (dn_expand(ns_msg_base(*message), ns_msg_end(*message), data + 6, service->target, CR_TARGET_LENGTH) >= 0) list->count++;
  return 1;
}

cr_result cr_dns_services(const char *name, const cr_server *server, int timeout, int tries, cr_service *services, size_t *count) {
  service_list list = {services, 0, *count};
  unsigned char *answer = NULL;
  int size = 0;
  cr_result result = query(name, ns_t_srv, server, timeout, tries, &answer, &size);
  if (result == CR_OK) result = each_record(answer, size, ns_t_srv, take_service, &list);
  free(answer);
  *count = list.count;
  return result == CR_OK && list.count == 0 ? CR_NO_DATA : result;
}

#else

cr_result cr_dns_addresses(
    const char *name, uint8_t length, const cr_server *server, int timeout, int tries, cr_address *addresses, size_t *count) {
  (void)name, (void)length, (void)server, (void)timeout, (void)tries, (void)addresses;
  *count = 0;
  return CR_UNSUPPORTED;
}

cr_result cr_dns_services(const char *name, const cr_server *server, int timeout, int tries, cr_service *services, size_t *count) {
  (void)name, (void)server, (void)timeout, (void)tries, (void)services;
  *count = 0;
  return CR_UNSUPPORTED;
}
#endif
