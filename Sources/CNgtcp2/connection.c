/* One connection: its ngtcp2_conn, its TLS session, and its last result. */
#ifdef SERF_QUIC
#include "CNgtcp2.h"

#include "address.h"
#include "bridge.h"
#include "memory.h"
#include "session.h"

#include <stdlib.h>

/* Own connection IDs that a peer may hold at once. */
#define ACTIVE_CID_LIMIT 4

struct sq_connection {
  ngtcp2_conn *conn;
  gnutls_session_t session;    /* until the handshake is complete */
  cg_credentials *credentials; /* as long as the session, which points into it */
  ngtcp2_crypto_conn_ref reference;
  const sq_callbacks *callbacks;
  void *context;
  const uint8_t *reset_secret;
  const char *alpn;
  ngtcp2_path_storage path;
  uint64_t now; /* ngtcp2 asserts that time never runs backwards */
  int error;
  uint8_t alert; /* of our own verification; 0: none */
  bool server;
  bool complete; /* the session has done its work */
};

static uint64_t advance(sq_connection *connection, uint64_t now) {
  if (now > connection->now) connection->now = now;
  return connection->now;
}

/* Turns a result of ngtcp2 into ours, and remembers it for CONNECTION_CLOSE. */
static sq_result fold(sq_connection *connection, int error) {
  switch (error) {
  case 0: return SQ_OK;
  case NGTCP2_ERR_WRITE_MORE: return SQ_MORE;
  case NGTCP2_ERR_STREAM_DATA_BLOCKED: return SQ_BLOCKED;
  case NGTCP2_ERR_STREAM_SHUT_WR:
  case NGTCP2_ERR_STREAM_NOT_FOUND: return SQ_GONE;
  case NGTCP2_ERR_DROP_CONN: return SQ_DROP;
  case NGTCP2_ERR_CLOSING:
  case NGTCP2_ERR_DRAINING: return SQ_DRAINING;
  case NGTCP2_ERR_IDLE_CLOSE: return SQ_IDLE;
  case NGTCP2_ERR_HANDSHAKE_TIMEOUT: return SQ_HANDSHAKE_TIMEOUT;
  case NGTCP2_ERR_RECV_VERSION_NEGOTIATION: return SQ_NO_COMMON_VERSION;
  case NGTCP2_ERR_RETRY: return SQ_RETRY;
  default:
    /* A callback that refuses the peer ends the handshake as TLS itself would. */
    connection->error = error == NGTCP2_ERR_CALLBACK_FAILURE && connection->alert ? NGTCP2_ERR_CRYPTO : error;
    return SQ_CLOSE;
  }
}

/* Callbacks. `user_data` is the sq_connection. */

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *reference) { return ((sq_connection *)reference->user_data)->conn; }

static int verify(gnutls_session_t session) {
  ngtcp2_crypto_conn_ref *reference = gnutls_session_get_ptr(session);
  sq_connection *connection = reference->user_data;
  connection->alert = connection->callbacks->verify(connection->context, session);
  return connection->alert == 0 ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static sq_level level_of(ngtcp2_encryption_level level) {
  switch (level) {
  case NGTCP2_ENCRYPTION_LEVEL_INITIAL: return SQ_LEVEL_INITIAL;
  case NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE: return SQ_LEVEL_HANDSHAKE;
  default: return SQ_LEVEL_APPLICATION;
  }
}

/* GnuTLS gets only the bytes that the callback passes on. After the handshake that can only be a session ticket, which we do not use. */
static int recv_crypto_data(
    ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset, const uint8_t *data, size_t count, void *user_data) {
  sq_connection *connection = user_data;
  while (count > 0) {
    sq_handshake_step step = connection->callbacks->handshake(connection->context, level_of(level), data, count);
    if (step.alert) {
      connection->alert = step.alert;
      return NGTCP2_ERR_CRYPTO;
    }
    if (step.pass.count > 0 && connection->session) {
      int error = ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, step.pass.base, step.pass.count, user_data);
      if (error != 0) return error;
    }
    data += step.taken;
    offset += step.taken;
    count -= step.taken;
  }
  return 0;
}

#define TLS_ALERT_NO_APPLICATION_PROTOCOL 120

static int handshake_completed(ngtcp2_conn *conn, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn;
  /* This never happens without tickets; a resumed session would not have been verified. */
  if (gnutls_session_is_resumed(connection->session)) return NGTCP2_ERR_CALLBACK_FAILURE;
  if (!sq_session_speaks(connection->session, connection->alpn))
    connection->alert = TLS_ALERT_NO_APPLICATION_PROTOCOL;
  else
    connection->alert = connection->callbacks->handshake_completed(connection->context);
  if (connection->alert != 0) return NGTCP2_ERR_CALLBACK_FAILURE;
  connection->complete = true;
  return 0;
}

static int handshake_confirmed(ngtcp2_conn *conn, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn;
  connection->callbacks->handshake_confirmed(connection->context);
  return 0;
}

static int recv_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *data, size_t count, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)flags;
  connection->callbacks->datagram(connection->context, data, count);
  return 0;
}

static int ack_datagram(ngtcp2_conn *conn, uint64_t id, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn;
  connection->callbacks->datagram_acked(connection->context, id);
  return 0;
}

static int stream_open(ngtcp2_conn *conn, int64_t stream, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn;
  connection->callbacks->stream_opened(connection->context, stream);
  return 0;
}

static int recv_stream_data(
    ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset, const uint8_t *data, size_t count, void *user_data,
    void *stream_user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)offset, (void)stream_user_data;
  connection->callbacks->stream_data(connection->context, stream, data, count, (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
  return 0;
}

static int acked_stream_data_offset(
    ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t count, void *user_data, void *stream_user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)offset, (void)stream_user_data;
  connection->callbacks->stream_acked(connection->context, stream, count);
  return 0;
}

static int stream_reset(ngtcp2_conn *conn, int64_t stream, uint64_t final_size, uint64_t code, void *user_data, void *stream_user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)final_size, (void)stream_user_data;
  connection->callbacks->stream_reset(connection->context, stream, code);
  return 0;
}

static int extend_max_stream_data(ngtcp2_conn *conn, int64_t stream, uint64_t limit, void *user_data, void *stream_user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)limit, (void)stream_user_data;
  connection->callbacks->stream_unblocked(connection->context, stream);
  return 0;
}

static int extend_max_streams(ngtcp2_conn *conn, uint64_t limit, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)limit;
  connection->callbacks->streams_allowed(connection->context);
  return 0;
}

static int stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t code, void *user_data, void *stream_user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)flags, (void)code, (void)stream_user_data;
  connection->callbacks->stream_closed(connection->context, stream);
  return 0;
}

static void random_bytes(uint8_t *base, size_t count, const ngtcp2_rand_ctx *context) {
  (void)context;
  if (!sq_random(base, count)) abort(); /* without randomness it is not safe to go on */
}

static int get_new_connection_id(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t length, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn;
  if (!sq_random(cid->data, length)) return NGTCP2_ERR_CALLBACK_FAILURE;
  cid->datalen = length;
  if (ngtcp2_crypto_generate_stateless_reset_token(token, connection->reset_secret, SQ_SECRET_LENGTH, cid) != 0)
    return NGTCP2_ERR_CALLBACK_FAILURE;
  connection->callbacks->cid_issued(connection->context, sq_from_cid(cid->data, cid->datalen));
  return 0;
}

static int remove_connection_id(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn;
  connection->callbacks->cid_retired(connection->context, sq_from_cid(cid->data, cid->datalen));
  return 0;
}

static int dcid_status(ngtcp2_conn *conn, sq_cid_status status, uint64_t seq, const ngtcp2_cid *cid, const uint8_t *token, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)seq, (void)cid;
  if (token)
    connection->callbacks->token_changed(
        connection->context, sq_from_token(token), status == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE);
  return 0;
}

static int path_validation(
    ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path, SQ_FALLBACK_PATH ngtcp2_path_validation_result result, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)flags;
  connection->callbacks->path_validated(
      connection->context, sq_from_sockaddr(path->remote.addr), result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS);
  return 0;
}

static int recv_stateless_reset(ngtcp2_conn *conn, const ngtcp2_pkt_stateless_reset *reset, void *user_data) {
  sq_connection *connection = user_data;
  (void)conn, (void)reset;
  connection->callbacks->reset_received(connection->context);
  return 0;
}

static void fill_callbacks(ngtcp2_callbacks *callbacks, bool server) {
  memset(callbacks, 0, sizeof(*callbacks));
  if (server) {
    callbacks->recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
  } else {
    callbacks->client_initial = ngtcp2_crypto_client_initial_cb;
    callbacks->recv_retry = ngtcp2_crypto_recv_retry_cb;
  }
  callbacks->recv_crypto_data = recv_crypto_data;
  callbacks->encrypt = ngtcp2_crypto_encrypt_cb;
  callbacks->decrypt = ngtcp2_crypto_decrypt_cb;
  callbacks->hp_mask = ngtcp2_crypto_hp_mask_cb;
  callbacks->update_key = ngtcp2_crypto_update_key_cb;
  callbacks->delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
  callbacks->delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
  callbacks->get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
  callbacks->version_negotiation = ngtcp2_crypto_version_negotiation_cb;
  callbacks->rand = random_bytes;
  callbacks->get_new_connection_id = get_new_connection_id;
  callbacks->remove_connection_id = remove_connection_id;
  callbacks->dcid_status = dcid_status;
  callbacks->handshake_completed = handshake_completed;
  callbacks->handshake_confirmed = handshake_confirmed;
  callbacks->recv_datagram = recv_datagram;
  callbacks->ack_datagram = ack_datagram;
  callbacks->stream_open = stream_open;
  callbacks->recv_stream_data = recv_stream_data;
  callbacks->acked_stream_data_offset = acked_stream_data_offset;
  callbacks->stream_reset = stream_reset;
  callbacks->extend_max_stream_data = extend_max_stream_data;
  callbacks->extend_max_local_streams_bidi = extend_max_streams;
  callbacks->extend_max_local_streams_uni = extend_max_streams;
  callbacks->stream_close = stream_close;
  callbacks->path_validation = path_validation;
  callbacks->recv_stateless_reset = recv_stateless_reset;
}

/* Life */

static void fill_settings(ngtcp2_settings *out, ngtcp2_transport_params *params, const sq_settings *settings) {
  ngtcp2_settings_default(out);
  out->initial_ts = settings->now;
  out->initial_rtt = settings->initial_rtt;
  out->handshake_timeout = settings->handshake_timeout;
  out->max_tx_udp_payload_size = settings->largest_packet;
  out->no_pmtud = !settings->discover_mtu;
  ngtcp2_transport_params_default(params);
  params->initial_max_data = settings->connection_window;
  params->initial_max_stream_data_bidi_local = settings->stream_window;
  params->initial_max_stream_data_bidi_remote = settings->stream_window;
  params->initial_max_stream_data_uni = settings->unidirectional_window;
  params->initial_max_streams_bidi = settings->streams_bidirectional;
  params->initial_max_streams_uni = settings->streams_unidirectional;
  params->max_idle_timeout = settings->idle_timeout;
  params->max_datagram_frame_size = 65535;
  params->active_connection_id_limit = ACTIVE_CID_LIMIT;
  params->disable_active_migration = !settings->allow_migration;
}

static sq_connection *connection_new(const sq_settings *settings, bool server) {
  sq_connection *connection = calloc(1, sizeof(*connection));
  if (!connection) return NULL;
  sq_sockaddr local, remote;
  ngtcp2_socklen local_length = sq_to_sockaddr(&local, settings->local), remote_length = sq_to_sockaddr(&remote, settings->remote);
  connection->callbacks = settings->callbacks;
  connection->context = settings->context;
  connection->credentials = cg_credentials_retain(settings->credentials);
  connection->reset_secret = settings->reset_secret;
  connection->alpn = settings->alpn;
  connection->reference.get_conn = get_conn;
  connection->reference.user_data = connection;
  connection->now = settings->now;
  connection->server = server;
  ngtcp2_path_storage_init(&connection->path, &local.any, local_length, &remote.any, remote_length, NULL);
  return connection;
}

/* Gives the connection its TLS session and says which IDs lead to it. Frees it and returns NULL when that fails. */
static sq_connection *connection_start(sq_connection *connection, const sq_settings *settings) {
  connection->session = sq_session_new(connection->server, settings, &connection->reference, verify);
  if (!connection->session) {
    sq_connection_free(connection);
    return NULL;
  }
  ngtcp2_conn_set_tls_native_handle(connection->conn, connection->session);
  ngtcp2_cid own[ACTIVE_CID_LIMIT + 2];
  size_t count = SQ_SCID_COUNT(connection->conn);
  if (count <= sizeof(own) / sizeof(own[0])) {
    ngtcp2_conn_get_scid(connection->conn, own);
    for (size_t index = 0; index < count; index++)
      connection->callbacks->cid_issued(connection->context, sq_from_cid(own[index].data, own[index].datalen));
  }
  return connection;
}

sq_connection *sq_connection_connect(const sq_settings *settings) {
  sq_connection *connection = connection_new(settings, false);
  if (!connection) return NULL;
  ngtcp2_callbacks callbacks;
  ngtcp2_settings conn_settings;
  ngtcp2_transport_params params;
  ngtcp2_cid destination = {.datalen = 16}, source = {.datalen = SQ_LOCAL_CID_LENGTH};
  fill_callbacks(&callbacks, false);
  fill_settings(&conn_settings, &params, settings);
  if (!sq_random(destination.data, destination.datalen) || !sq_random(source.data, source.datalen) ||
      ngtcp2_conn_client_new(
          &connection->conn, &destination, &source, &connection->path.path, NGTCP2_PROTO_VER_V1, &callbacks, &conn_settings, &params, sq_memory(),
          connection) != 0) {
    sq_connection_free(connection);
    return NULL;
  }
  return connection_start(connection, settings);
}

sq_connection *sq_connection_accept(const sq_settings *settings, const sq_initial *initial) {
  sq_connection *connection = connection_new(settings, true);
  if (!connection) return NULL;
  ngtcp2_callbacks callbacks;
  ngtcp2_settings conn_settings;
  ngtcp2_transport_params params;
  ngtcp2_cid destination = sq_to_cid(initial->source), source = {.datalen = SQ_LOCAL_CID_LENGTH};
  fill_callbacks(&callbacks, true);
  fill_settings(&conn_settings, &params, settings);
  SQ_SET_ORIGINAL_DCID_PRESENT(&params);
  if (initial->original_destination.length > 0) {
    params.original_dcid = sq_to_cid(initial->original_destination);
    params.retry_scid = sq_to_cid(initial->destination);
    params.retry_scid_present = 1;
    sq_set_token(&conn_settings, initial->token.base, initial->token.count);
  } else {
    params.original_dcid = sq_to_cid(initial->destination);
  }
  if (!sq_random(source.data, source.datalen) ||
      ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token, settings->reset_secret, SQ_SECRET_LENGTH, &source) != 0) {
    sq_connection_free(connection);
    return NULL;
  }
  params.stateless_reset_token_present = 1;
  if (ngtcp2_conn_server_new(
          &connection->conn, &destination, &source, &connection->path.path, initial->version, &callbacks, &conn_settings, &params, sq_memory(),
          connection) != 0) {
    sq_connection_free(connection);
    return NULL;
  }
  return connection_start(connection, settings);
}

/* Frees the session, which takes 11 KiB: ngtcp2 has the keys by now, and the verified chain is our caller's. */
static void end_session(sq_connection *connection) {
  if (connection->conn) ngtcp2_conn_set_tls_native_handle(connection->conn, NULL);
  if (connection->session) gnutls_deinit(connection->session);
  connection->session = NULL;
  cg_credentials_release(connection->credentials);
  connection->credentials = NULL;
}

void sq_connection_free(sq_connection *connection) {
  if (!connection) return;
  /* The order matters: the conn may still use the session, and the session its reference. */
  if (connection->conn) ngtcp2_conn_del(connection->conn);
  connection->conn = NULL;
  end_session(connection);
  free(connection);
}

sq_result sq_connection_receive(sq_connection *connection, sq_address remote, uint8_t ecn, const uint8_t *base, size_t count, uint64_t now) {
  sq_sockaddr sockaddr;
  ngtcp2_path path = connection->path.path; /* the local half must be byte for byte the same every time, or it is a migration */
  ngtcp2_pkt_info info = {0};
  path.remote.addrlen = sq_to_sockaddr(&sockaddr, remote);
  path.remote.addr = &sockaddr.any;
  info.ecn = ecn & NGTCP2_ECN_MASK;
  int error = ngtcp2_conn_read_pkt(connection->conn, &path, &info, base, count, advance(connection, now));
  if (connection->complete && connection->session) end_session(connection);
  return fold(connection, error);
}

sq_result sq_connection_handle_expiry(sq_connection *connection, uint64_t now) {
  return fold(connection, ngtcp2_conn_handle_expiry(connection->conn, advance(connection, now)));
}

uint64_t sq_connection_expiry(const sq_connection *connection) { return ngtcp2_conn_get_expiry(connection->conn); }

/* Writing */

static sq_result wrote(sq_connection *connection, sq_packet *packet, ngtcp2_ssize written, const ngtcp2_path_storage *path, uint32_t ecn) {
  packet->count = 0;
  if (written < 0) return fold(connection, (int)written);
  packet->count = (size_t)written;
  if (written > 0) {
    packet->remote = sq_from_sockaddr(path->path.remote.addr);
    packet->ecn = (uint8_t)ecn;
  }
  return SQ_OK;
}

sq_result sq_connection_write_datagram(
    sq_connection *connection, sq_packet *packet, uint64_t id, const uint8_t *base, size_t count, bool *accepted, uint64_t now) {
  ngtcp2_path_storage path;
  ngtcp2_pkt_info info = {0};
  ngtcp2_vec piece = {(uint8_t *)(uintptr_t)base, count};
  int taken = 0;
  ngtcp2_path_storage_zero(&path);
  ngtcp2_ssize written = ngtcp2_conn_writev_datagram(
      connection->conn, &path.path, &info, packet->base, packet->capacity, &taken, NGTCP2_WRITE_DATAGRAM_FLAG_MORE, id, &piece, 1,
      advance(connection, now));
  *accepted = taken != 0;
  if (written == NGTCP2_ERR_INVALID_ARGUMENT || written == NGTCP2_ERR_INVALID_STATE) {
    packet->count = 0;
    return SQ_REFUSED;
  }
  return wrote(connection, packet, written, &path, info.ecn);
}

sq_result sq_connection_write_stream(
    sq_connection *connection, sq_packet *packet, int64_t stream, const sq_bytes *pieces, size_t piece_count, bool end, int64_t *taken,
    uint64_t now) {
  enum { PIECES = 16 };
  ngtcp2_vec vectors[PIECES];
  ngtcp2_path_storage path;
  ngtcp2_pkt_info info = {0};
  ngtcp2_ssize consumed = -1;
  uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
  if (piece_count > PIECES) {
    piece_count = PIECES;
    end = false;
  }
  if (end) flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
  for (size_t index = 0; index < piece_count; index++)
    vectors[index] = (ngtcp2_vec){(uint8_t *)(uintptr_t)pieces[index].base, pieces[index].count};
  ngtcp2_path_storage_zero(&path);
  ngtcp2_ssize written = ngtcp2_conn_writev_stream(
      connection->conn, &path.path, &info, packet->base, packet->capacity, &consumed, flags, stream, vectors, piece_count,
      advance(connection, now));
  *taken = consumed;
  return wrote(connection, packet, written, &path, info.ecn);
}

sq_result sq_connection_finish_packet(sq_connection *connection, sq_packet *packet, uint64_t now) {
  ngtcp2_path_storage path;
  ngtcp2_pkt_info info = {0};
  ngtcp2_path_storage_zero(&path);
  ngtcp2_ssize written = ngtcp2_conn_writev_stream(
      connection->conn, &path.path, &info, packet->base, packet->capacity, NULL, NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0,
      advance(connection, now));
  return wrote(connection, packet, written, &path, info.ecn);
}

void sq_connection_sent(sq_connection *connection, uint64_t now) {
  /* Before that, the pacer would hold the second flight for initial_rtt / cwnd (0.12). */
  if (ngtcp2_conn_get_handshake_completed(connection->conn)) ngtcp2_conn_update_pkt_tx_time(connection->conn, advance(connection, now));
}

sq_result sq_connection_write_close(sq_connection *connection, sq_packet *packet, bool application, uint64_t code, uint64_t now) {
  ngtcp2_path_storage path;
  ngtcp2_pkt_info info = {0};
  ngtcp2_ccerr reason;
  ngtcp2_ccerr_default(&reason);
  if (application)
    ngtcp2_ccerr_set_application_error(&reason, code, NULL, 0);
  else if (code != 0)
    ngtcp2_ccerr_set_transport_error(&reason, code, NULL, 0);
  else if (connection->error == NGTCP2_ERR_CRYPTO)
    ngtcp2_ccerr_set_tls_alert(&reason, (uint8_t)(sq_connection_error_code(connection) - SQ_ERROR_CRYPTO), NULL, 0);
  else
    ngtcp2_ccerr_set_liberr(&reason, connection->error, NULL, 0);
  ngtcp2_path_storage_zero(&path);
  ngtcp2_ssize written = ngtcp2_conn_write_connection_close(
      connection->conn, &path.path, &info, packet->base, packet->capacity, &reason, advance(connection, now));
  return wrote(connection, packet, written, &path, info.ecn);
}

/* Streams and credit */

sq_result sq_connection_open_stream(sq_connection *connection, bool unidirectional, int64_t *stream) {
  int result = unidirectional ? ngtcp2_conn_open_uni_stream(connection->conn, stream, NULL)
                              : ngtcp2_conn_open_bidi_stream(connection->conn, stream, NULL);
  return result == 0 ? SQ_OK : SQ_BLOCKED;
}

void sq_connection_reset_stream(sq_connection *connection, int64_t stream, uint64_t code) {
  SQ_SHUTDOWN_WRITE(connection->conn, stream, code);
}

void sq_connection_stop_stream(sq_connection *connection, int64_t stream, uint64_t code) {
  SQ_SHUTDOWN_READ(connection->conn, stream, code);
}

void sq_connection_return_stream_credit(sq_connection *connection, int64_t stream, uint64_t count) {
  ngtcp2_conn_extend_max_stream_offset(connection->conn, stream, count);
}

void sq_connection_return_credit(sq_connection *connection, uint64_t count) { ngtcp2_conn_extend_max_offset(connection->conn, count); }

void sq_connection_return_stream(sq_connection *connection, bool unidirectional) {
  if (unidirectional)
    ngtcp2_conn_extend_max_streams_uni(connection->conn, 1);
  else
    ngtcp2_conn_extend_max_streams_bidi(connection->conn, 1);
}

bool sq_stream_is_bidirectional(int64_t stream) { return ngtcp2_is_bidi_stream(stream) != 0; }

bool sq_stream_is_ours(const sq_connection *connection, int64_t stream) { return ((stream & 1) != 0) == connection->server; }

/* State */

bool sq_connection_migrate(sq_connection *connection, sq_address local, uint64_t now) {
  sq_sockaddr sockaddr;
  ngtcp2_path path = connection->path.path;
  path.local.addrlen = sq_to_sockaddr(&sockaddr, local);
  path.local.addr = &sockaddr.any;
  if (connection->server || ngtcp2_conn_initiate_immediate_migration(connection->conn, &path, advance(connection, now)) != 0) return false;
  /* From now on packets arrive at that address. */
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_init(&storage, path.local.addr, path.local.addrlen, path.remote.addr, path.remote.addrlen, NULL);
  ngtcp2_path_copy(&connection->path.path, &storage.path);
  return true;
}

bool sq_connection_update_keys(sq_connection *connection, uint64_t now) {
  return ngtcp2_conn_initiate_key_update(connection->conn, advance(connection, now)) == 0;
}

sq_close sq_connection_peer_close(const sq_connection *connection) {
  ngtcp2_ccerr reason;
  sq_peer_ccerr(connection->conn, &reason);
  sq_close close = {SQ_CLOSE_OTHER, reason.error_code};
  if (reason.type == NGTCP2_CCERR_TYPE_TRANSPORT) close.kind = SQ_CLOSE_TRANSPORT;
  if (reason.type == NGTCP2_CCERR_TYPE_APPLICATION) close.kind = SQ_CLOSE_APPLICATION;
  return close;
}

uint64_t sq_connection_error_code(const sq_connection *connection) {
  if (connection->error == NGTCP2_ERR_CRYPTO)
    return SQ_ERROR_CRYPTO + (connection->alert ? connection->alert : ngtcp2_conn_get_tls_alert(connection->conn));
  return ngtcp2_err_infer_quic_transport_error_code(connection->error);
}

uint64_t sq_connection_pto(const sq_connection *connection) { return ngtcp2_conn_get_pto(connection->conn); }

size_t sq_connection_send_quantum(sq_connection *connection) { return ngtcp2_conn_get_send_quantum(connection->conn); }

size_t sq_connection_path_payload(sq_connection *connection) { return ngtcp2_conn_get_path_max_tx_udp_payload_size(connection->conn); }

uint64_t sq_connection_peer_datagram_limit(sq_connection *connection) {
  const ngtcp2_transport_params *params = ngtcp2_conn_get_remote_transport_params(connection->conn);
  return params ? params->max_datagram_frame_size : 0;
}

void sq_connection_statistics(const sq_connection *connection, sq_statistics *statistics) {
  ngtcp2_conn_info info;
  ngtcp2_conn_get_conn_info(connection->conn, &info);
  *statistics = (sq_statistics){info.smoothed_rtt, info.min_rtt, info.latest_rtt, info.cwnd, info.bytes_in_flight, info.min_rtt != UINT64_MAX};
}
#endif
