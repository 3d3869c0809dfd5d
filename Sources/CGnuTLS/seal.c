/* AES-GCM with a key that a cluster shares; nonces; and base64, in which such keys are written. */
#include "internal.h"

#include <stdlib.h>

struct cg_aead {
  gnutls_aead_cipher_hd_t cipher;
};

cg_aead *cg_aead_new(const uint8_t *key, size_t length, cg_status *status) {
  gnutls_cipher_algorithm_t algorithm;
  switch (length) {
  case 16: algorithm = GNUTLS_CIPHER_AES_128_GCM; break;
  case 24: algorithm = GNUTLS_CIPHER_AES_192_GCM; break;
  case 32: algorithm = GNUTLS_CIPHER_AES_256_GCM; break;
  default: *status = CG_ERROR_UNSUPPORTED; return NULL;
  }
  cg_aead *aead = calloc(1, sizeof *aead);
  if (!aead) {
    *status = CG_ERROR_MEMORY;
    return NULL;
  }
  gnutls_datum_t datum = {(unsigned char *)(uintptr_t)key, (unsigned)length};
  int error = gnutls_aead_cipher_init(&aead->cipher, algorithm, &datum);
  *status = error < 0 ? cg_status_of(error) : CG_OK;
  if (error >= 0) return aead;
  free(aead);
  return NULL;
}

void cg_aead_free(cg_aead *aead) {
  if (!aead) return;
  gnutls_aead_cipher_deinit(aead->cipher);
  free(aead);
}

cg_status cg_aead_seal(
    cg_aead *aead, const uint8_t *nonce, const uint8_t *associated, size_t associated_length, const uint8_t *plain, size_t plain_length,
    uint8_t *output) {
  size_t length = plain_length + CG_TAG_LENGTH;
  int error = gnutls_aead_cipher_encrypt(
      aead->cipher, nonce, CG_NONCE_LENGTH, associated, associated_length, CG_TAG_LENGTH, plain, plain_length, output, &length);
  return error < 0 ? cg_status_of(error) : CG_OK;
}

cg_status cg_aead_open(
    cg_aead *aead, const uint8_t *nonce, const uint8_t *associated, size_t associated_length, const uint8_t *sealed, size_t sealed_length,
    uint8_t *output) {
  if (sealed_length < CG_TAG_LENGTH) return CG_ERROR_MALFORMED;
  size_t length = sealed_length - CG_TAG_LENGTH;
  int error = gnutls_aead_cipher_decrypt(
      aead->cipher, nonce, CG_NONCE_LENGTH, associated, associated_length, CG_TAG_LENGTH, sealed, sealed_length, output, &length);
  return error < 0 ? CG_ERROR_MALFORMED : CG_OK;
}

cg_status cg_random(cg_random_use use, uint8_t *output, size_t length) {
  int error = gnutls_rnd(use == CG_RANDOM_KEY ? GNUTLS_RND_KEY : GNUTLS_RND_NONCE, output, length);
  return error < 0 ? cg_status_of(error) : CG_OK;
}

uint8_t *cg_base64_encode(const uint8_t *bytes, size_t length, size_t *encoded_length) {
  gnutls_datum_t input = {(unsigned char *)(uintptr_t)bytes, (unsigned)length}, output = {NULL, 0};
  if (gnutls_base64_encode2(&input, &output) < 0) return NULL;
  *encoded_length = output.size;
  return output.data;
}

uint8_t *cg_base64_decode(const uint8_t *text, size_t length, size_t *decoded_length) {
  gnutls_datum_t input = {(unsigned char *)(uintptr_t)text, (unsigned)length}, output = {NULL, 0};
  if (gnutls_base64_decode2(&input, &output) < 0) return NULL;
  *decoded_length = output.size;
  return output.data;
}
