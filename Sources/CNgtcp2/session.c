/* GnuTLS as secure-transport.md requires it: TLS 1.3 only, ALPN mandatory, both sides present a certificate, no tickets, no SNI. */
#ifdef SERF_QUIC
#include "session.h"

#include "bridge.h"

#include <string.h>

gnutls_session_t sq_session_new(bool server, const sq_settings *settings, void *reference, gnutls_certificate_verify_function *verify) {
  gnutls_session_t session;
  gnutls_priority_t priority = cg_priority_tls13();
  if (!priority) return NULL;
  /* A key share for X25519 only: by default GnuTLS makes one for the second group as well, and no peer of ours needs it. */
  unsigned flags =
      (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS | GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_KEY_SHARE_TOP;
  if (gnutls_init(&session, flags) != 0) return NULL;
  gnutls_datum_t alpn = {(unsigned char *)(uintptr_t)settings->alpn, (unsigned)strlen(settings->alpn)};
  gnutls_session_set_ptr(session, reference);
  if (gnutls_priority_set(session, priority) != 0 ||
      (server ? ngtcp2_crypto_gnutls_configure_server_session(session) : ngtcp2_crypto_gnutls_configure_client_session(session)) != 0 ||
      gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cg_credentials_tls(settings->credentials)) != 0 ||
      (alpn.size > 0 && gnutls_alpn_set_protocols(session, &alpn, 1, GNUTLS_ALPN_MANDATORY) != 0)) {
    gnutls_deinit(session);
    return NULL;
  }
  gnutls_handshake_set_max_packet_length(session, settings->handshake_limit);
  gnutls_session_set_verify_function(session, verify);
  if (server) {
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    /* 1 means "do not send the CA list": a client withholds a certificate whose issuer is not on it. */
    gnutls_certificate_send_x509_rdn_sequence(session, 1);
  }
  return session;
}

bool sq_session_speaks(gnutls_session_t session, const char *alpn) {
  gnutls_datum_t selected;
  size_t length = strlen(alpn);
  if (length == 0) return true;
  return gnutls_alpn_get_selected_protocol(session, &selected) == 0 && selected.size == length && memcmp(selected.data, alpn, length) == 0;
}
#endif
