#pragma once
/* The TLS session of one connection. */
#include "CNgtcp2.h"

#include <CGnuTLS.h>
#include <gnutls/gnutls.h>

/* A session with our priorities, ALPN and verification; NULL when GnuTLS refuses. The credentials must outlive it. `reference` is an ngtcp2_crypto_conn_ref. */
gnutls_session_t sq_session_new(bool server, const sq_settings *settings, void *reference, gnutls_certificate_verify_function *verify);
/* Whether both sides have agreed on this application protocol. GnuTLS requires one only if the peer sends the extension. */
bool sq_session_speaks(gnutls_session_t session, const char *alpn);
