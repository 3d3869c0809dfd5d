/* Private keys: making, reading and writing them, and deriving secrets from them. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static cg_key *adopt(gnutls_x509_privkey_t raw, int error, cg_status *status) {
  cg_key *key = error < 0 ? NULL : calloc(1, sizeof *key);
  *status = error < 0 ? cg_status_of(error) : key ? CG_OK : CG_ERROR_MEMORY;
  if (key) key->key = raw;
  else gnutls_x509_privkey_deinit(raw);
  return key;
}

cg_key *cg_key_generate(cg_key_kind kind, uint32_t bits, cg_status *status) {
  gnutls_pk_algorithm_t algorithm = GNUTLS_PK_UNKNOWN;
  switch (kind) {
  case CG_KEY_RSA: algorithm = GNUTLS_PK_RSA; break;
  case CG_KEY_P256: algorithm = GNUTLS_PK_ECDSA; bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1); break;
  case CG_KEY_P384: algorithm = GNUTLS_PK_ECDSA; bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1); break;
  case CG_KEY_P521: algorithm = GNUTLS_PK_ECDSA; bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1); break;
  case CG_KEY_ED25519: algorithm = GNUTLS_PK_EDDSA_ED25519; bits = 0; break;
  case CG_KEY_ED448: algorithm = GNUTLS_PK_EDDSA_ED448; bits = 0; break;
  case CG_KEY_OTHER: *status = CG_ERROR_UNSUPPORTED; return NULL;
  }
  gnutls_x509_privkey_t raw;
  int error = gnutls_x509_privkey_init(&raw);
  if (error < 0) {
    *status = cg_status_of(error);
    return NULL;
  }
  return adopt(raw, gnutls_x509_privkey_generate(raw, algorithm, bits, 0), status);
}

cg_key *cg_key_from_pem(const uint8_t *bytes, size_t length, cg_status *status) {
  gnutls_datum_t text = {(unsigned char *)bytes, (unsigned)length};
  gnutls_x509_privkey_t raw;
  int error = gnutls_x509_privkey_init(&raw);
  if (error < 0) {
    *status = cg_status_of(error);
    return NULL;
  }
  return adopt(raw, gnutls_x509_privkey_import2(raw, &text, GNUTLS_X509_FMT_PEM, NULL, 0), status);
}

void cg_key_free(cg_key *key) {
  if (!key) return;
  gnutls_x509_privkey_deinit(key->key);
  free(key);
}

uint8_t *cg_key_pem(const cg_key *key, size_t *length) {
  gnutls_datum_t text = {NULL, 0};
  if (gnutls_x509_privkey_export2_pkcs8(key->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &text) < 0) return NULL;
  *length = text.size;
  return text.data;
}

void cg_wipe(void *bytes, size_t length) { gnutls_memset(bytes, 0, length); }

void cg_bytes_free(uint8_t *bytes, size_t length) {
  if (!bytes) return;
  cg_wipe(bytes, length);
  gnutls_free(bytes);
}

int32_t cg_key_matches(const cg_key *key, const cg_chain *chain) {
  unsigned char of_key[64], of_certificate[64];
  size_t key_size = sizeof of_key, certificate_size = sizeof of_certificate;
  if (gnutls_x509_privkey_get_key_id(key->key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) < 0) return 0;
  if (gnutls_x509_crt_get_key_id(chain->certificates[0], GNUTLS_KEYID_USE_SHA256, of_certificate, &certificate_size) < 0) return 0;
  return key_size == certificate_size && memcmp(of_key, of_certificate, key_size) == 0;
}

cg_status cg_key_derive(const cg_key *key, const uint8_t *label, size_t label_length, uint8_t *output, size_t output_length) {
  gnutls_datum_t secret = {NULL, 0};
  int error = gnutls_x509_privkey_export2_pkcs8(key->key, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, &secret);
  if (error < 0) return cg_status_of(error);
  unsigned char extracted[32];
  gnutls_datum_t no_salt = {NULL, 0}, pseudorandom = {extracted, sizeof extracted}, info = {(unsigned char *)label, (unsigned)label_length};
  error = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &secret, &no_salt, extracted);
  if (error >= 0) error = gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &pseudorandom, &info, output, output_length);
  cg_bytes_free(secret.data, secret.size);
  gnutls_memset(extracted, 0, sizeof extracted);
  return cg_status_of(error);
}

void cg_sha256(const uint8_t *bytes, size_t length, uint8_t *output) { gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, length, output); }
