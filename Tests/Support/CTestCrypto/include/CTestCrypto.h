#pragma once
/*
 * The primitives that open a QUIC Initial packet (RFC 9001, section 5), as every observer of the network can. For tests.
 *
 * Written directly on GnuTLS, without the product's shims, so that a mistake in those cannot hide itself here.
 * All return 0, or a negative number when the input does not fit or is not authentic.
 */
#include <stddef.h>
#include <stdint.h>

/* HKDF-Extract with SHA-256; `output` takes 32 bytes. */
int tc_hkdf_extract(const uint8_t *salt, size_t salt_length, const uint8_t *key, size_t key_length, uint8_t *output);
/* HKDF-Expand with SHA-256 over a secret of 32 bytes. */
int tc_hkdf_expand(const uint8_t *secret, const uint8_t *info, size_t info_length, uint8_t *output, size_t output_length);
/* One block of AES-128. */
int tc_aes128_block(const uint8_t *key, const uint8_t *input, uint8_t *output);
/* AES-128-GCM with a nonce of 12 bytes; `sealed` ends with the tag of 16, `output` gets the rest. */
int tc_aes128_gcm_open(
    const uint8_t *key, const uint8_t *nonce, const uint8_t *associated, size_t associated_length, const uint8_t *sealed,
    size_t sealed_length, uint8_t *output);

/*
 * TLS credentials (a gnutls_certificate_credentials_t) of a peer that presents any chain of DER certificates and signs with `signature_length`
 * random bytes, because it has no private key. NULL when GnuTLS refuses.
 */
void *tc_forged_credentials(const uint8_t *const *certificates, const size_t *lengths, size_t count, size_t signature_length);
/* CPU time of the calling thread, in nanoseconds. */
uint64_t tc_thread_cpu_time(void);
/* Bytes that malloc has given out in this process, over all arenas; 0 where they are not known: not glibc, or a sanitizer's allocator. */
size_t tc_allocated_bytes(void);
