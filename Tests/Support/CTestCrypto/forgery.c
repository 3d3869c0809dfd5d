/* A TLS identity without a private key. */
#include "CTestCrypto.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <time.h>

enum { chain_max = 4 };

typedef struct forger {
  int algorithm;
  unsigned bits;
  size_t signature_length;
} forger;

static int sign(
    gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *userdata, unsigned flags, const gnutls_datum_t *data,
    gnutls_datum_t *signature) {
  const forger *self = userdata;
  (void)key, (void)algorithm, (void)flags, (void)data;
  signature->data = gnutls_malloc(self->signature_length);
  if (!signature->data) return GNUTLS_E_MEMORY_ERROR;
  signature->size = (unsigned)self->signature_length;
  int error = gnutls_rnd(GNUTLS_RND_NONCE, signature->data, signature->size);
  signature->data[0] = 0; /* less than the modulus, or it would not be checked */
  return error;
}

static int inform(gnutls_privkey_t key, unsigned flags, void *userdata) {
  const forger *self = userdata;
  (void)key;
  if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) return self->algorithm;
  if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) return (int)self->bits;
  if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) {
    gnutls_sign_algorithm_t algorithm = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
    return gnutls_sign_supports_pk_algorithm(algorithm, (gnutls_pk_algorithm_t)self->algorithm) ? 1 : 0;
  }
  return -1;
}

static void forget(gnutls_privkey_t key, void *userdata) {
  (void)key;
  free(userdata);
}

void *tc_forged_credentials(const uint8_t *const *certificates, const size_t *lengths, size_t count, size_t signature_length) {
  gnutls_certificate_credentials_t credentials;
  gnutls_privkey_t key;
  gnutls_pcert_st *chain = calloc(chain_max, sizeof *chain);
  forger *self = calloc(1, sizeof *self);
  if (!chain || !self || count == 0 || count > chain_max || gnutls_certificate_allocate_credentials(&credentials) < 0) return NULL;
  gnutls_certificate_set_flags(credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
  int error = gnutls_privkey_init(&key);
  for (size_t index = 0; index < count && error >= 0; index++) {
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)certificates[index], (unsigned)lengths[index]};
    error = gnutls_pcert_import_x509_raw(&chain[index], &der, GNUTLS_X509_FMT_DER, 0);
  }
  if (error >= 0) self->algorithm = gnutls_pubkey_get_pk_algorithm(chain[0].pubkey, &self->bits);
  self->signature_length = signature_length;
  if (error >= 0) error = gnutls_privkey_import_ext4(key, self, sign, sign, NULL, forget, inform, 0);
  /* From now on the credentials own the chain's content and the key. */
  if (error >= 0) error = gnutls_certificate_set_key(credentials, NULL, 0, chain, (int)count, key);
  free(chain);
  if (error >= 0) return credentials;
  gnutls_certificate_free_credentials(credentials);
  return NULL;
}

uint64_t tc_thread_cpu_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
