#include "CTestCrypto.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

enum { block_length = 16, nonce_length = 12, secret_length = 32 };

static gnutls_datum_t datum(const uint8_t *base, size_t length) {
  return (gnutls_datum_t){(unsigned char *)(uintptr_t)base, (unsigned)length};
}

int tc_hkdf_extract(const uint8_t *salt, size_t salt_length, const uint8_t *key, size_t key_length, uint8_t *output) {
  gnutls_datum_t salt_datum = datum(salt, salt_length), key_datum = datum(key, key_length);
  return gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &key_datum, &salt_datum, output);
}

int tc_hkdf_expand(const uint8_t *secret, const uint8_t *info, size_t info_length, uint8_t *output, size_t output_length) {
  gnutls_datum_t key = datum(secret, secret_length), info_datum = datum(info, info_length);
  return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &info_datum, output, output_length);
}

/* GnuTLS has no bare block cipher; CBC of one block under a zero vector is one. */
int tc_aes128_block(const uint8_t *key, const uint8_t *input, uint8_t *output) {
  gnutls_cipher_hd_t cipher;
  uint8_t zero[block_length] = {0};
  gnutls_datum_t key_datum = datum(key, block_length), vector = datum(zero, block_length);
  int result = gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_CBC, &key_datum, &vector);
  if (result < 0) return result;
  result = gnutls_cipher_encrypt2(cipher, input, block_length, output, block_length);
  gnutls_cipher_deinit(cipher);
  return result;
}

int tc_aes128_gcm_open(
    const uint8_t *key, const uint8_t *nonce, const uint8_t *associated, size_t associated_length, const uint8_t *sealed,
    size_t sealed_length, uint8_t *output) {
  if (sealed_length < block_length) return -1;
  gnutls_aead_cipher_hd_t cipher;
  gnutls_datum_t key_datum = datum(key, block_length);
  int result = gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key_datum);
  if (result < 0) return result;
  size_t length = sealed_length - block_length;
  result = gnutls_aead_cipher_decrypt(
      cipher, nonce, nonce_length, associated, associated_length, block_length, sealed, sealed_length, output, &length);
  gnutls_aead_cipher_deinit(cipher);
  return result;
}
