#pragma once
/*
 * ngtcp2 and its GnuTLS glue behind opaque types, for Swift.
 *
 * This header shows nothing that changes between ngtcp2 releases: no error number, struct or enum of ngtcp2. Results are `sq_result`,
 * integers have a fixed width, and a connection is one opaque pointer that owns all that belongs to it. `bridge.h` has the
 * differences between 0.12 and 1.x. Without SERF_QUIC the sources compile to nothing, so that a package without QUIC needs no ngtcp2.
 *
 * Callbacks only copy bytes or note an event; they never call back into the connection that called them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The length of every connection ID that we issue. */
#define SQ_LOCAL_CID_LENGTH 8
#define SQ_SECRET_LENGTH 32
#define SQ_TOKEN_LENGTH 16

/* An IP address in network order, in two words, and a port. `length` is 4 or 16. `zone` is the interface of a link-local IPv6 address, or 0. */
typedef struct sq_address {
  uint64_t high, low;
  uint16_t port;
  uint8_t length;
  uint32_t zone;
} sq_address;

/* A connection ID as words, zero beyond `length`, so that it can be compared and hashed without a loop. */
typedef struct sq_cid {
  uint64_t first, second;
  uint32_t third;
  uint8_t length;
} sq_cid;

/* A stateless reset token. */
typedef struct sq_token {
  uint64_t first, second;
} sq_token;

typedef struct sq_bytes {
  const uint8_t *base;
  size_t count;
} sq_bytes;

/* The result of a call. */
typedef enum sq_result {
  SQ_OK = 0,
  SQ_MORE,              /* the frame is in the packet, and there is room for another */
  SQ_BLOCKED,           /* the peer has given no credit */
  SQ_GONE,              /* the stream cannot be written any more: it was reset, or the peer refuses the rest */
  SQ_REFUSED,           /* larger than the peer accepts, or of a kind that it does not accept */
  SQ_DROP,              /* forget the connection silently */
  SQ_DRAINING,          /* the peer has closed */
  SQ_IDLE,              /* idle for too long */
  SQ_HANDSHAKE_TIMEOUT, /* the handshake took too long */
  SQ_NO_COMMON_VERSION, /* the peer does not speak version 1 */
  SQ_RETRY,             /* the server side asks for an address token */
  SQ_CLOSE              /* an error: sq_connection_write_close tells the peer */
} sq_result;

/* How a connection ended, as far as CONNECTION_CLOSE says. */
typedef enum sq_close_kind { SQ_CLOSE_NONE = 0, SQ_CLOSE_TRANSPORT, SQ_CLOSE_APPLICATION, SQ_CLOSE_OTHER } sq_close_kind;

typedef struct sq_close {
  uint8_t kind; /* sq_close_kind */
  uint64_t code;
} sq_close;

/* QUIC transport error codes (RFC 9000, 20.1) that we name; a TLS alert is SQ_ERROR_CRYPTO + alert. */
#define SQ_ERROR_REFUSED 0x2u
#define SQ_ERROR_INVALID_TOKEN 0xbu
#define SQ_ERROR_APPLICATION 0xcu
#define SQ_ERROR_CRYPTO 0x100u

typedef struct sq_connection sq_connection;

/* Which keys protected bytes of the handshake. */
typedef enum sq_level { SQ_LEVEL_INITIAL = 0, SQ_LEVEL_HANDSHAKE, SQ_LEVEL_APPLICATION } sq_level;

/* What to do with bytes of the handshake: how many are done, which go on to TLS (valid until the next call), or the alert to send. */
typedef struct sq_handshake_step {
  size_t taken;
  sq_bytes pass;
  uint8_t alert; /* 0: none */
} sq_handshake_step;

typedef struct sq_callbacks {
  /* Checks the peer's handshake messages, in order, before TLS reads them. Called until all of `count` bytes are done. */
  sq_handshake_step (*handshake)(void *context, sq_level level, const uint8_t *base, size_t count);
  /* Verifies the peer's chain, which `session` (a gnutls_session_t) has. 0 accepts it; any other value is the TLS alert to send. */
  uint8_t (*verify)(void *context, void *session);
  /* The handshake is complete. 0 agrees; any other value is the TLS alert to send. */
  uint8_t (*handshake_completed)(void *context);
  void (*handshake_confirmed)(void *context);
  void (*datagram)(void *context, const uint8_t *base, size_t count);
  void (*datagram_acked)(void *context, uint64_t id);
  void (*stream_opened)(void *context, int64_t stream);
  void (*stream_data)(void *context, int64_t stream, const uint8_t *base, size_t count, bool end);
  void (*stream_acked)(void *context, int64_t stream, uint64_t count);
  void (*stream_reset)(void *context, int64_t stream, uint64_t code);
  void (*stream_unblocked)(void *context, int64_t stream);
  void (*stream_closed)(void *context, int64_t stream);
  void (*streams_allowed)(void *context);
  void (*cid_issued)(void *context, sq_cid cid);
  void (*cid_retired)(void *context, sq_cid cid);
  void (*token_changed)(void *context, sq_token token, bool active);
  void (*path_validated)(void *context, sq_address remote, bool success);
  void (*reset_received)(void *context);
} sq_callbacks;

typedef struct sq_settings {
  const sq_callbacks *callbacks; /* must outlive the connection */
  void *context;
  void *credentials; /* a cg_credentials; retained */
  const uint8_t *reset_secret; /* SQ_SECRET_LENGTH bytes; must outlive the connection */
  const char *alpn; /* must outlive the connection; empty: none is offered, and none required */
  sq_address local, remote;
  uint64_t now; /* nanoseconds, as everywhere here */
  uint64_t initial_rtt, handshake_timeout, idle_timeout;
  uint64_t connection_window, stream_window, unidirectional_window;
  uint64_t streams_bidirectional, streams_unidirectional;
  uint32_t handshake_limit; /* bytes of one handshake message */
  uint16_t largest_packet; /* UDP payload; 1200 unless path MTU discovery is used */
  bool discover_mtu;
  bool allow_migration; /* of the peer */
} sq_settings;

/* One outgoing packet while it is being filled. */
typedef struct sq_packet {
  uint8_t *base;
  size_t capacity;
  size_t count;      /* set when a call finished the packet; 0 when there was nothing to send or sending was not allowed */
  sq_address remote; /* its destination */
  uint8_t ecn;
} sq_packet;

typedef struct sq_statistics {
  uint64_t smoothed_rtt, minimum_rtt, latest_rtt; /* smoothed is the initial guess until the first sample */
  uint64_t congestion_window, bytes_in_flight;
  bool sampled;
} sq_statistics;

/* connection.c: life */
sq_connection *sq_connection_connect(const sq_settings *settings);
struct sq_initial;
sq_connection *sq_connection_accept(const sq_settings *settings, const struct sq_initial *initial);
void sq_connection_free(sq_connection *connection);

sq_result sq_connection_receive(sq_connection *connection, sq_address remote, uint8_t ecn, const uint8_t *base, size_t count, uint64_t now);
sq_result sq_connection_handle_expiry(sq_connection *connection, uint64_t now);
uint64_t sq_connection_expiry(const sq_connection *connection); /* UINT64_MAX: none */

/* Filling one packet: any number of frames, each SQ_MORE while there is room, then `finish` unless a call finished it already. */
sq_result sq_connection_write_datagram(
    sq_connection *connection, sq_packet *packet, uint64_t id, const uint8_t *base, size_t count, bool *accepted, uint64_t now);
sq_result sq_connection_write_stream(
    sq_connection *connection, sq_packet *packet, int64_t stream, const sq_bytes *pieces, size_t piece_count, bool end, int64_t *taken,
    uint64_t now);
sq_result sq_connection_finish_packet(sq_connection *connection, sq_packet *packet, uint64_t now);
/* After a batch: lets the pacer count it. */
void sq_connection_sent(sq_connection *connection, uint64_t now);
/* Writes CONNECTION_CLOSE: the application's code if `application`, else the transport error `code`, or for 0 the one that the last call met. */
sq_result sq_connection_write_close(sq_connection *connection, sq_packet *packet, bool application, uint64_t code, uint64_t now);

sq_result sq_connection_open_stream(sq_connection *connection, bool unidirectional, int64_t *stream);
void sq_connection_reset_stream(sq_connection *connection, int64_t stream, uint64_t code);
void sq_connection_stop_stream(sq_connection *connection, int64_t stream, uint64_t code);
void sq_connection_return_stream_credit(sq_connection *connection, int64_t stream, uint64_t count);
void sq_connection_return_credit(sq_connection *connection, uint64_t count);
void sq_connection_return_stream(sq_connection *connection, bool unidirectional);

/* A client continues at another local address, with other connection IDs (RFC 9000, 9.2). False when the server does not allow it, or not now. */
bool sq_connection_migrate(sq_connection *connection, sq_address local, uint64_t now);
bool sq_connection_update_keys(sq_connection *connection, uint64_t now);
sq_close sq_connection_peer_close(const sq_connection *connection);
/* The transport error that would be reported for the last failed call. */
uint64_t sq_connection_error_code(const sq_connection *connection);
uint64_t sq_connection_pto(const sq_connection *connection);
size_t sq_connection_send_quantum(sq_connection *connection);
size_t sq_connection_path_payload(sq_connection *connection);
uint64_t sq_connection_peer_datagram_limit(sq_connection *connection);
void sq_connection_statistics(const sq_connection *connection, sq_statistics *statistics);
bool sq_stream_is_bidirectional(int64_t stream);
bool sq_stream_is_ours(const sq_connection *connection, int64_t stream);

/* packet.c: packets that need no connection */
typedef enum sq_header_kind {
  SQ_HEADER_INVALID = 0,
  SQ_HEADER_SHORT,
  SQ_HEADER_LONG,                 /* version 1 or a version negotiation packet */
  SQ_HEADER_UNSUPPORTED_VERSION
} sq_header_kind;

typedef struct sq_header {
  uint8_t kind; /* sq_header_kind */
  sq_cid destination, source;
  uint32_t version;
} sq_header;

/* A client's first packet. The token points into the packet. */
typedef struct sq_initial {
  sq_cid destination, source;
  uint32_t version;
  sq_bytes token;
  bool token_is_retry;
  sq_cid original_destination; /* filled in by sq_retry_token_verify; length 0: none */
} sq_initial;

void sq_header_decode(sq_header *header, const uint8_t *base, size_t count);
bool sq_initial_decode(sq_initial *initial, const uint8_t *base, size_t count);
/* Whether the token is our Retry token for this address, at most 20 seconds old. */
bool sq_retry_token_verify(sq_initial *initial, const uint8_t *secret, sq_address remote, uint64_t now);
size_t sq_retry_write(uint8_t *base, size_t capacity, const sq_initial *initial, const uint8_t *secret, sq_address remote, uint64_t now);
size_t sq_version_negotiation_write(uint8_t *base, size_t capacity, const sq_header *header);
size_t sq_refusal_write(uint8_t *base, size_t capacity, const sq_initial *initial, uint64_t code);
size_t sq_reset_write(uint8_t *base, size_t capacity, const uint8_t *secret, sq_cid destination);
/* The token in the last 16 bytes of what may be a stateless reset. */
sq_token sq_token_at_end(const uint8_t *base, size_t count);
bool sq_random(uint8_t *base, size_t count);
/* Whether datagrams need a stream byte in the same packet so that their loss is noticed (ngtcp2 below 0.14). */
bool sq_needs_pulse(void);
/* Whether stream_closed comes for the peer's unidirectional streams (ngtcp2 0.14). */
bool sq_closes_unidirectional(void);
const char *sq_version(void);
/* The memory that ngtcp2 gets (memory.c); declared here for tests. Sparse: a large block gets only the pages that are written to. */
void *sq_memory_take(size_t size);
void sq_memory_give(void *memory);
bool sq_memory_is_sparse(void);
/* A name for a TLS alert, as GnuTLS spells it: GNUTLS_A_DECODE_ERROR. Static storage. */
const char *sq_alert_name(uint8_t alert);

#ifdef __cplusplus
}
#endif
