#pragma once
/*
 * Every difference between ngtcp2 0.12 and 1.x that concerns us, in one place: the sources use the names of 1.x, and this header
 * supplies them on older releases. The release in which each changed is in the comment.
 */
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include <string.h>

#if NGTCP2_VERSION_NUM < 0x000d00 /* 0.13: tokens became a pointer and a length */
#  define SQ_HD_TOKEN(HD) ((HD)->token.base)
#  define SQ_HD_TOKEN_LENGTH(HD) ((HD)->token.len)
static inline void sq_set_token(ngtcp2_settings *settings, const uint8_t *base, size_t count) {
  settings->token.base = (uint8_t *)base;
  settings->token.len = count;
}
#else
#  define SQ_HD_TOKEN(HD) ((HD)->token)
#  define SQ_HD_TOKEN_LENGTH(HD) ((HD)->tokenlen)
static inline void sq_set_token(ngtcp2_settings *settings, const uint8_t *base, size_t count) {
  settings->token = base;
  settings->tokenlen = count;
#  if NGTCP2_VERSION_NUM >= 0x010000 /* 1.0: its origin has to be stated */
  settings->token_type = NGTCP2_TOKEN_TYPE_RETRY;
#  endif
}
#endif

#if NGTCP2_VERSION_NUM < 0x000e00 /* 0.14: statistics were renamed, the original DCID became optional, and so on */
typedef ngtcp2_conn_stat ngtcp2_conn_info;
#  define ngtcp2_conn_get_conn_info(CONN, INFO) ngtcp2_conn_get_conn_stat((CONN), (INFO))
#  define SQ_SET_ORIGINAL_DCID_PRESENT(PARAMS) ((void)(PARAMS))
#  define SQ_NEEDS_PULSE true /* d0f93391: packets with only datagrams set no loss timer */
#  define SQ_CLOSES_UNIDIRECTIONAL false /* 1d591bde: a peer's unidirectional stream is never closed, nor its memory freed */
#  define SQ_FALLBACK_PATH /* path_validation had no path to fall back to */
#else
#  define SQ_SET_ORIGINAL_DCID_PRESENT(PARAMS) ((PARAMS)->original_dcid_present = 1)
#  define SQ_NEEDS_PULSE false
#  define SQ_CLOSES_UNIDIRECTIONAL true
#  define SQ_FALLBACK_PATH const ngtcp2_path *fallback,
#endif

#if NGTCP2_VERSION_NUM < 0x000f00 /* 0.15: connection_close_error became ccerr; dcid_status takes the enum */
typedef ngtcp2_connection_close_error ngtcp2_ccerr;
#  define ngtcp2_ccerr_default ngtcp2_connection_close_error_default
#  define ngtcp2_ccerr_set_transport_error ngtcp2_connection_close_error_set_transport_error
#  define ngtcp2_ccerr_set_liberr ngtcp2_connection_close_error_set_transport_error_liberr
#  define ngtcp2_ccerr_set_tls_alert ngtcp2_connection_close_error_set_transport_error_tls_alert
#  define ngtcp2_ccerr_set_application_error ngtcp2_connection_close_error_set_application_error
#  define NGTCP2_CCERR_TYPE_TRANSPORT NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_TRANSPORT
#  define NGTCP2_CCERR_TYPE_APPLICATION NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION
typedef int sq_cid_status;
static inline void sq_peer_ccerr(const ngtcp2_conn *conn, ngtcp2_ccerr *ccerr) {
  ngtcp2_conn_get_connection_close_error((ngtcp2_conn *)conn, ccerr);
}
#else
typedef ngtcp2_connection_id_status_type sq_cid_status;
static inline void sq_peer_ccerr(const ngtcp2_conn *conn, ngtcp2_ccerr *ccerr) { *ccerr = *ngtcp2_conn_get_ccerr((ngtcp2_conn *)conn); }
#endif

#if NGTCP2_VERSION_NUM < 0x001000 /* 0.16: stream shutdown takes flags; crypto level became encryption level */
typedef ngtcp2_crypto_level ngtcp2_encryption_level;
#  define NGTCP2_ENCRYPTION_LEVEL_INITIAL NGTCP2_CRYPTO_LEVEL_INITIAL
#  define NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE NGTCP2_CRYPTO_LEVEL_HANDSHAKE
#  define SQ_SHUTDOWN_READ(CONN, STREAM, CODE) ngtcp2_conn_shutdown_stream_read((CONN), (STREAM), (CODE))
#  define SQ_SHUTDOWN_WRITE(CONN, STREAM, CODE) ngtcp2_conn_shutdown_stream_write((CONN), (STREAM), (CODE))
#else
#  define SQ_SHUTDOWN_READ(CONN, STREAM, CODE) ngtcp2_conn_shutdown_stream_read((CONN), 0, (STREAM), (CODE))
#  define SQ_SHUTDOWN_WRITE(CONN, STREAM, CODE) ngtcp2_conn_shutdown_stream_write((CONN), 0, (STREAM), (CODE))
#endif

#if NGTCP2_VERSION_NUM < 0x001100 /* 0.17: get_scid returns the number when it gets no buffer */
#  define SQ_SCID_COUNT(CONN) ngtcp2_conn_get_num_scid(CONN)
#else
#  define SQ_SCID_COUNT(CONN) ngtcp2_conn_get_scid((CONN), NULL)
#endif

static inline ngtcp2_cid sq_to_cid(sq_cid cid) {
  ngtcp2_cid result;
  uint8_t bytes[24];
  memcpy(bytes, &cid.first, 8);
  memcpy(bytes + 8, &cid.second, 8);
  memcpy(bytes + 16, &cid.third, 4);
  ngtcp2_cid_init(&result, bytes, cid.length);
  return result;
}

static inline sq_cid sq_from_cid(const uint8_t *data, size_t count) {
  sq_cid cid = {0, 0, 0, 0};
  uint8_t bytes[24] = {0};
  if (count > NGTCP2_MAX_CIDLEN) count = NGTCP2_MAX_CIDLEN;
  if (count > 0) memcpy(bytes, data, count);
  memcpy(&cid.first, bytes, 8);
  memcpy(&cid.second, bytes + 8, 8);
  memcpy(&cid.third, bytes + 16, 4);
  cid.length = (uint8_t)count;
  return cid;
}

static inline sq_token sq_from_token(const uint8_t *bytes) {
  sq_token token;
  memcpy(&token.first, bytes, 8);
  memcpy(&token.second, bytes + 8, 8);
  return token;
}
