/* Packets that belong to no connection: headers, Retry, version negotiation, refusals, stateless resets. */
#ifdef SERF_QUIC
#include "CNgtcp2.h"

#include "address.h"
#include "bridge.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/* As long as a dial may take: when many clients connect, one may send its token again for that long. */
#define RETRY_TOKEN_LIFETIME (20 * NGTCP2_SECONDS)

void sq_header_decode(sq_header *header, const uint8_t *base, size_t count) {
  memset(header, 0, sizeof(*header));
  if (count == 0) return;
  ngtcp2_version_cid cids;
  int result = ngtcp2_pkt_decode_version_cid(&cids, base, count, SQ_LOCAL_CID_LENGTH);
  if (result != 0 && result != NGTCP2_ERR_VERSION_NEGOTIATION) return;
  bool is_long = (base[0] & 0x80) != 0;
  if (cids.dcidlen > NGTCP2_MAX_CIDLEN || cids.scidlen > NGTCP2_MAX_CIDLEN) return;
  header->destination = sq_from_cid(cids.dcid, cids.dcidlen);
  header->source = sq_from_cid(cids.scid, cids.scidlen);
  header->version = cids.version;
  if (!is_long) {
    header->kind = SQ_HEADER_SHORT;
  } else if (cids.version == NGTCP2_PROTO_VER_V1 || cids.version == 0) {
    header->kind = SQ_HEADER_LONG;
  } else {
    header->kind = SQ_HEADER_UNSUPPORTED_VERSION;
  }
}

bool sq_initial_decode(sq_initial *initial, const uint8_t *base, size_t count) {
  ngtcp2_pkt_hd header;
  memset(initial, 0, sizeof(*initial));
  if (ngtcp2_accept(&header, base, count) != 0 || header.version != NGTCP2_PROTO_VER_V1) return false;
  initial->destination = sq_from_cid(header.dcid.data, header.dcid.datalen);
  initial->source = sq_from_cid(header.scid.data, header.scid.datalen);
  initial->version = header.version;
  initial->token.base = SQ_HD_TOKEN(&header);
  initial->token.count = SQ_HD_TOKEN_LENGTH(&header);
  initial->token_is_retry = initial->token.count > 0 && initial->token.base[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY;
  return true;
}

bool sq_retry_token_verify(sq_initial *initial, const uint8_t *secret, sq_address remote, uint64_t now) {
  sq_sockaddr sockaddr;
  ngtcp2_socklen length = sq_to_sockaddr(&sockaddr, remote);
  ngtcp2_cid original, destination = sq_to_cid(initial->destination);
  if (!initial->token_is_retry ||
      ngtcp2_crypto_verify_retry_token(
          &original, initial->token.base, initial->token.count, secret, SQ_SECRET_LENGTH, initial->version, &sockaddr.any, length,
          &destination, RETRY_TOKEN_LIFETIME, now) != 0)
    return false;
  initial->original_destination = sq_from_cid(original.data, original.datalen);
  return true;
}

size_t sq_retry_write(uint8_t *base, size_t capacity, const sq_initial *initial, const uint8_t *secret, sq_address remote, uint64_t now) {
  sq_sockaddr sockaddr;
  ngtcp2_socklen length = sq_to_sockaddr(&sockaddr, remote);
  uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN];
  ngtcp2_cid chosen, original = sq_to_cid(initial->destination), source = sq_to_cid(initial->source);
  chosen.datalen = SQ_LOCAL_CID_LENGTH;
  if (!sq_random(chosen.data, chosen.datalen)) return 0;
  ngtcp2_ssize token_length = ngtcp2_crypto_generate_retry_token(
      token, secret, SQ_SECRET_LENGTH, initial->version, &sockaddr.any, length, &chosen, &original, now);
  if (token_length < 0) return 0;
  ngtcp2_ssize written =
      ngtcp2_crypto_write_retry(base, capacity, initial->version, &source, &chosen, &original, token, (size_t)token_length);
  return written < 0 ? 0 : (size_t)written;
}

size_t sq_version_negotiation_write(uint8_t *base, size_t capacity, const sq_header *header) {
  const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
  ngtcp2_cid to = sq_to_cid(header->source), from = sq_to_cid(header->destination);
  uint8_t random = 0;
  if (!sq_random(&random, 1)) return 0;
  ngtcp2_ssize written =
      ngtcp2_pkt_write_version_negotiation(base, capacity, random, to.data, to.datalen, from.data, from.datalen, versions, 1);
  return written < 0 ? 0 : (size_t)written;
}

size_t sq_refusal_write(uint8_t *base, size_t capacity, const sq_initial *initial, uint64_t code) {
  ngtcp2_cid to = sq_to_cid(initial->source), from = sq_to_cid(initial->destination);
  ngtcp2_ssize written = ngtcp2_crypto_write_connection_close(base, capacity, initial->version, &to, &from, code, NULL, 0);
  return written < 0 ? 0 : (size_t)written;
}

size_t sq_reset_write(uint8_t *base, size_t capacity, const uint8_t *secret, sq_cid destination) {
  ngtcp2_cid cid = sq_to_cid(destination);
  uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], random[64];
  if (capacity < NGTCP2_MIN_STATELESS_RESET_RANDLEN + sizeof(token)) return 0;
  size_t room = capacity - sizeof(token);
  if (room > sizeof(random)) room = sizeof(random);
  if (!sq_random(random, room) || ngtcp2_crypto_generate_stateless_reset_token(token, secret, SQ_SECRET_LENGTH, &cid) != 0) return 0;
  ngtcp2_ssize written = ngtcp2_pkt_write_stateless_reset(base, capacity, token, random, room);
  return written < 0 ? 0 : (size_t)written;
}

sq_token sq_token_at_end(const uint8_t *base, size_t count) {
  sq_token none = {0, 0};
  return count < SQ_TOKEN_LENGTH ? none : sq_from_token(base + count - SQ_TOKEN_LENGTH);
}

bool sq_random(uint8_t *base, size_t count) { return gnutls_rnd(GNUTLS_RND_RANDOM, base, count) == 0; }

bool sq_needs_pulse(void) { return SQ_NEEDS_PULSE; }

bool sq_closes_unidirectional(void) { return SQ_CLOSES_UNIDIRECTIONAL; }

const char *sq_version(void) { return ngtcp2_version(0)->version_str; }

const char *sq_alert_name(uint8_t alert) {
  const char *name = gnutls_alert_get_strname((gnutls_alert_description_t)alert);
  return name ? name : "unknown alert";
}
#endif
