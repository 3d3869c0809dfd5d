/* The credentials of a TLS session. */
#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct cg_credentials {
  atomic_int references;
  gnutls_certificate_credentials_t tls;
};

cg_credentials *cg_credentials_new(const cg_chain *chain, const cg_key *key, cg_status *status) {
  cg_credentials *credentials = calloc(1, sizeof *credentials);
  if (!credentials) {
    *status = CG_ERROR_MEMORY;
    return NULL;
  }
  atomic_init(&credentials->references, 1);
  int error = gnutls_certificate_allocate_credentials(&credentials->tls);
  if (error >= 0) {
    gnutls_certificate_set_verify_limits(credentials->tls, 4096, CG_CHAIN_DEPTH_MAX);
    /* Copies both; also checks that they belong together. */
    if (chain) error = gnutls_certificate_set_x509_key(credentials->tls, chain->certificates, (int)chain->count, key->key);
  }
  *status = error < 0 ? cg_status_of(error) : CG_OK;
  if (error < 0) {
    cg_credentials_release(credentials);
    return NULL;
  }
  return credentials;
}

cg_credentials *cg_credentials_adopt(void *tls) {
  cg_credentials *credentials = calloc(1, sizeof *credentials);
  if (!credentials) return NULL;
  atomic_init(&credentials->references, 1);
  credentials->tls = tls;
  return credentials;
}

cg_credentials *cg_credentials_retain(cg_credentials *credentials) {
  atomic_fetch_add_explicit(&credentials->references, 1, memory_order_relaxed);
  return credentials;
}

void cg_credentials_release(cg_credentials *credentials) {
  if (!credentials || atomic_fetch_sub_explicit(&credentials->references, 1, memory_order_acq_rel) != 1) return;
  if (credentials->tls) gnutls_certificate_free_credentials(credentials->tls);
  free(credentials);
}

void *cg_credentials_tls(const cg_credentials *credentials) { return credentials->tls; }

static gnutls_priority_t tls13;
static pthread_once_t tls13_once = PTHREAD_ONCE_INIT;

static void parse_tls13(void) {
  const char *text = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"
                     ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:%DISABLE_TLS13_COMPAT_MODE";
  if (gnutls_priority_init(&tls13, text, NULL) < 0) tls13 = NULL;
}

void *cg_priority_tls13(void) {
  pthread_once(&tls13_once, parse_tls13);
  return tls13;
}
