/*
 * X.509 and TLS credentials over GnuTLS, behind opaque types and fixed-width integers.
 *
 * The division of work: this shim parses, signs and checks signatures, one GnuTLS call per question. The *policy* of secure-transport.md
 * section 1 (which keys, which purposes, which names, which order of reasons) is Swift, in SerfIdentity. A TLS session is verified like this:
 *
 *   CNgtcp2's gnutls_session_set_verify_function callback
 *     -> the endpoint's Swift callback
 *       -> Credentials.verifyPeer(ofSession:at:)          (SerfIdentity)
 *         -> cg_session_peer_der, cg_trust_verify, ...    (here)
 *   and a failure returns GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR, after gnutls_alert_send of VerificationFailure.tlsAlert.
 *
 * Threads: a cg_template belongs to one thread; all other objects are immutable once made and may be shared. cg_credentials is
 * reference counted, because gnutls_credentials_set keeps a bare pointer: every session retains the object it was given and
 * releases it after gnutls_deinit (quic.md section 3).
 *
 * Functions that return a pointer return NULL on failure, with a cg_status in *status. No pointer argument may be NULL
 * unless its comment says so.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits before any work on a peer's chain (secure-transport.md 1.2). */
#define CG_CHAIN_BYTES_MAX 16384
#define CG_CHAIN_DEPTH_MAX 4
/* Our own PEM files may contain more: a CA bundle during rotation. */
#define CG_BUNDLE_COUNT_MAX 64

typedef enum {
  CG_OK = 0,
  CG_ERROR_EMPTY = 1,         /* nothing of the kind in the input, or a peer without a certificate */
  CG_ERROR_TOO_LARGE = 2,     /* more bytes than CG_CHAIN_BYTES_MAX */
  CG_ERROR_TOO_MANY = 3,      /* more certificates than allowed */
  CG_ERROR_MALFORMED = 4,     /* not PEM, not DER, not X.509 */
  CG_ERROR_ENCRYPTED = 5,     /* a private key that needs a passphrase */
  CG_ERROR_KEY_MISMATCH = 6,  /* private key and certificate do not belong together */
  CG_ERROR_NOT_OURS = 7,      /* a revocation list that no authority in the set signed */
  CG_ERROR_UNSUPPORTED = 8,   /* GnuTLS knows this kind of object but not this variant */
  CG_ERROR_MEMORY = 9,
  CG_ERROR_OTHER = 10,
} cg_status;

/* ---- Certificates ---- */

/* Certificates in order, leaf first, parsed once. */
typedef struct cg_chain cg_chain;

/* From DER pieces. Size and count are checked against the limits above before anything is parsed. */
cg_chain *cg_chain_from_der(const uint8_t *const *pieces, const size_t *lengths, size_t count, cg_status *status);
/* From every CERTIFICATE block of our own PEM text, at most CG_BUNDLE_COUNT_MAX. */
cg_chain *cg_chain_from_pem(const uint8_t *bytes, size_t length, cg_status *status);
void cg_chain_free(cg_chain *chain); /* NULL is allowed */

size_t cg_chain_count(const cg_chain *chain);
const uint8_t *cg_chain_der(const cg_chain *chain, size_t index, size_t *length);

/* Seconds since 1970-01-01 UTC. */
int64_t cg_chain_not_before(const cg_chain *chain, size_t index);
int64_t cg_chain_not_after(const cg_chain *chain, size_t index);
/* basicConstraints says CA. */
int32_t cg_chain_is_authority(const cg_chain *chain, size_t index);
/* How many authorities may be between this one and a leaf; -1 without a limit, or when it is no authority. */
int32_t cg_chain_path_length(const cg_chain *chain, size_t index);
/* Whether its issuer is its own subject. */
int32_t cg_chain_is_self_issued(const cg_chain *chain, size_t index);

#define CG_USAGE_ABSENT 1u
#define CG_USAGE_DIGITAL_SIGNATURE 2u
#define CG_USAGE_CERTIFICATE_SIGN 4u
uint32_t cg_chain_key_usage(const cg_chain *chain, size_t index);

#define CG_PURPOSE_ABSENT 1u
#define CG_PURPOSE_CLIENT 2u
#define CG_PURPOSE_SERVER 4u
#define CG_PURPOSE_ANY 8u
#define CG_PURPOSE_OTHER 16u
/* Extended key usage; reads at most 16 entries. */
uint32_t cg_chain_purposes(const cg_chain *chain, size_t index);

typedef enum {
  CG_KEY_OTHER = 0,
  CG_KEY_RSA = 1,
  CG_KEY_P256 = 2,
  CG_KEY_P384 = 3,
  CG_KEY_P521 = 4,
  CG_KEY_ED25519 = 5,
  CG_KEY_ED448 = 6,
} cg_key_kind;
cg_key_kind cg_chain_key_kind(const cg_chain *chain, size_t index, uint32_t *bits);
/* Signed with SHA-2 of at least 256 bits, or EdDSA. */
int32_t cg_chain_signature_is_strong(const cg_chain *chain, size_t index);

typedef enum {
  CG_TEXT_SUBJECT = 1,
  CG_TEXT_ISSUER = 2,
  CG_TEXT_SERIAL = 3,    /* hexadecimal */
  CG_TEXT_SIGNATURE = 4, /* the algorithm's name */
} cg_text_kind;
/* Writes at most `capacity` bytes, no terminator, and returns how many. A peer's text: escape before printing. */
size_t cg_chain_text(const cg_chain *chain, size_t index, cg_text_kind kind, uint8_t *buffer, size_t capacity);

/* What the peer of a TLS session (a gnutls_session_t) sent: how many, and the bytes of each, valid until the session changes. */
size_t cg_session_peer_count(void *session);
const uint8_t *cg_session_peer_der(void *session, size_t index, size_t *length);

/* ---- Trust ---- */

/* A set of authorities and, optionally, their revocation lists. Never the system's store. */
typedef struct cg_trust cg_trust;

cg_trust *cg_trust_new(const cg_chain *authorities, cg_status *status);
/*
 * Before sharing only. Every list must be signed by one of `authorities`, from which the set was made; after a failure the set must
 * not be used. *next_update is the earliest of the lists', or -1. Overdue lists are accepted: what they name stays revoked.
 */
cg_status cg_trust_add_revocations_pem(
    cg_trust *trust, const cg_chain *authorities, const uint8_t *bytes, size_t length, int64_t *next_update);
void cg_trust_free(cg_trust *trust); /* NULL is allowed */

typedef enum {
  CG_TRUST_OK = 0,
  CG_TRUST_UNKNOWN_ISSUER = 1,
  CG_TRUST_BAD_SIGNATURE = 2,
  CG_TRUST_REVOKED = 3,
  CG_TRUST_ISSUER_NOT_AUTHORITY = 4,
  CG_TRUST_CONSTRAINT = 5,
  CG_TRUST_CRITICAL_EXTENSION = 6,
  CG_TRUST_WEAK = 7,
  CG_TRUST_OTHER = 8,
} cg_trust_result;
/*
 * Signatures, authority flags, constraints and revocation; *not* time, which the caller compares with its own clock:
 * `used` is how many certificates of the chain the path goes through, anchor_* is the validity of the authority that it ends in.
 */
cg_trust_result cg_trust_verify(
    const cg_trust *trust, const cg_chain *chain, size_t *used, int64_t *anchor_not_before, int64_t *anchor_not_after);

/* ---- Private keys ---- */

typedef struct cg_key cg_key;

/* `bits` is used for CG_KEY_RSA only. */
cg_key *cg_key_generate(cg_key_kind kind, uint32_t bits, cg_status *status);
cg_key *cg_key_from_pem(const uint8_t *bytes, size_t length, cg_status *status);
void cg_key_free(cg_key *key); /* NULL is allowed */
/* Unencrypted PKCS #8. The caller frees the text with cg_bytes_free, which also wipes it. */
uint8_t *cg_key_pem(const cg_key *key, size_t *length);
void cg_bytes_free(uint8_t *bytes, size_t length); /* NULL is allowed */
/* Overwrites bytes; the compiler cannot remove it. */
void cg_wipe(void *bytes, size_t length);
/* Whether the chain's first certificate has this key's public half. */
int32_t cg_key_matches(const cg_key *key, const cg_chain *chain);
/* HKDF-SHA-256 over the private key with `label` as info: the same bytes after every restart with the same key. */
cg_status cg_key_derive(const cg_key *key, const uint8_t *label, size_t label_length, uint8_t *output, size_t output_length);

/* ---- TLS ---- */

/* Our chain and key for TLS, both roles. It contains no authorities: verification is always the callback described at the top. */
typedef struct cg_credentials cg_credentials;

/* Without a chain (NULL) a session presents no certificate: for attackers in tests. */
cg_credentials *cg_credentials_new(const cg_chain *chain, const cg_key *key, cg_status *status);
/* Takes over a gnutls_certificate_credentials_t made elsewhere, NULL when out of memory: for attackers in tests, which have no real key. */
cg_credentials *cg_credentials_adopt(void *tls);
cg_credentials *cg_credentials_retain(cg_credentials *credentials);
void cg_credentials_release(cg_credentials *credentials); /* NULL is allowed */
/* The gnutls_certificate_credentials_t, for gnutls_credentials_set. Valid while `credentials` is retained. */
void *cg_credentials_tls(const cg_credentials *credentials);
/* The gnutls_priority_t of quic.md section 3, TLS 1.3 only; parsed once, never freed. NULL if GnuTLS refuses it. */
void *cg_priority_tls13(void);

/* ---- Issuing ---- */

/* A certificate that is not issued yet: every field can be set, and the caller is responsible for the values. */
typedef struct cg_template cg_template;

typedef enum { CG_HASH_SHA256 = 1, CG_HASH_SHA1 = 2 } cg_hash;

cg_template *cg_template_new(void);
void cg_template_free(cg_template *template_); /* NULL is allowed */
void cg_template_set_common_name(cg_template *template_, const uint8_t *bytes, size_t length);
void cg_template_set_validity(cg_template *template_, int64_t not_before, int64_t not_after);
/* basicConstraints CA; path_length < 0 sets no limit. */
void cg_template_set_authority(cg_template *template_, int32_t path_length);
/* CG_USAGE_* and CG_PURPOSE_* bits; *_ABSENT or 0 leaves the extension out. */
void cg_template_set_key_usage(cg_template *template_, uint32_t usage);
void cg_template_set_purposes(cg_template *template_, uint32_t purposes);
void cg_template_set_hash(cg_template *template_, cg_hash hash);
/* The whole value of the subjectAltName extension, DER. */
void cg_template_set_alternative_names(cg_template *template_, const uint8_t *der, size_t length);
/* Random positive serial. issuer NULL: self-signed with issuer_key. The result is a chain of one. */
cg_chain *cg_template_sign(
    const cg_template *template_, const cg_key *subject_key, const cg_chain *issuer, const cg_key *issuer_key, cg_status *status);

/* A certificate as PEM; free with cg_bytes_free. */
uint8_t *cg_chain_pem(const cg_chain *chain, size_t index, size_t *length);

/* A revocation list over the first certificate of each of `revoked`, as PEM; free with cg_bytes_free. */
uint8_t *cg_revocations_pem(
    const cg_chain *issuer, const cg_key *issuer_key, const cg_chain *const *revoked, size_t count, int64_t this_update,
    int64_t next_update, size_t *length);

/* ---- A shared key ---- */

#define CG_NONCE_LENGTH 12
#define CG_TAG_LENGTH 16

/* AES-GCM under one key of 16, 24 or 32 bytes. Belongs to one thread at a time. */
typedef struct cg_aead cg_aead;

cg_aead *cg_aead_new(const uint8_t *key, size_t length, cg_status *status);
void cg_aead_free(cg_aead *aead); /* NULL is allowed */
/* Writes plain_length + CG_TAG_LENGTH bytes. The nonce has CG_NONCE_LENGTH bytes and must never be used twice with one key. */
cg_status cg_aead_seal(
    cg_aead *aead, const uint8_t *nonce, const uint8_t *associated, size_t associated_length, const uint8_t *plain, size_t plain_length,
    uint8_t *output);
/* Writes sealed_length - CG_TAG_LENGTH bytes; CG_ERROR_MALFORMED for bytes that this key did not seal. */
cg_status cg_aead_open(
    cg_aead *aead, const uint8_t *nonce, const uint8_t *associated, size_t associated_length, const uint8_t *sealed, size_t sealed_length,
    uint8_t *output);

typedef enum { CG_RANDOM_NONCE = 1, CG_RANDOM_KEY = 2 } cg_random_use;
/* Unpredictable bytes; GnuTLS keeps a generator per thread and reseeds it. */
cg_status cg_random(cg_random_use use, uint8_t *output, size_t length);

/* RFC 4648 base64 with padding, no line breaks; free with cg_bytes_free. NULL when it cannot be done, or is not base64. */
uint8_t *cg_base64_encode(const uint8_t *bytes, size_t length, size_t *encoded_length);
uint8_t *cg_base64_decode(const uint8_t *text, size_t length, size_t *decoded_length);

/* ---- Digest ---- */

/* SHA-256, 32 bytes. */
void cg_sha256(const uint8_t *bytes, size_t length, uint8_t *output);

#ifdef __cplusplus
}
#endif
