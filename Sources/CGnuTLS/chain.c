/* Parsed certificates and their properties. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

cg_status cg_status_of(int error) {
  switch (error) {
  case GNUTLS_E_SUCCESS: return CG_OK;
  case GNUTLS_E_MEMORY_ERROR: return CG_ERROR_MEMORY;
  case GNUTLS_E_DECRYPTION_FAILED: return CG_ERROR_ENCRYPTED;
  case GNUTLS_E_NO_CERTIFICATE_FOUND: return CG_ERROR_EMPTY;
  case GNUTLS_E_CERTIFICATE_KEY_MISMATCH: return CG_ERROR_KEY_MISMATCH;
  case GNUTLS_E_UNIMPLEMENTED_FEATURE:
  case GNUTLS_E_UNKNOWN_PK_ALGORITHM:
  case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
  case GNUTLS_E_ECC_UNSUPPORTED_CURVE: return CG_ERROR_UNSUPPORTED;
  case GNUTLS_E_BASE64_DECODING_ERROR:
  case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR: return CG_ERROR_MALFORMED;
  case GNUTLS_E_SHORT_MEMORY_BUFFER: return CG_ERROR_TOO_MANY;
  default:
    return error <= GNUTLS_E_ASN1_ELEMENT_NOT_FOUND && error >= GNUTLS_E_ASN1_DER_OVERFLOW ? CG_ERROR_MALFORMED : CG_ERROR_OTHER;
  }
}

cg_chain *cg_chain_adopt(gnutls_x509_crt_t *list, size_t count, cg_status *status) {
  cg_chain *chain = calloc(1, sizeof *chain);
  if (chain) {
    chain->certificates = calloc(count, sizeof *chain->certificates);
    chain->der = calloc(count, sizeof *chain->der);
  }
  if (!chain || !chain->certificates || !chain->der) {
    for (size_t i = 0; i < count; i++) gnutls_x509_crt_deinit(list[i]);
    cg_chain_free(chain);
    *status = CG_ERROR_MEMORY;
    return NULL;
  }
  memcpy(chain->certificates, list, count * sizeof *list);
  chain->count = count;
  for (size_t i = 0; i < count; i++) {
    int error = gnutls_x509_crt_export2(list[i], GNUTLS_X509_FMT_DER, &chain->der[i]);
    if (error < 0) {
      *status = cg_status_of(error);
      cg_chain_free(chain);
      return NULL;
    }
  }
  *status = CG_OK;
  return chain;
}

cg_chain *cg_chain_from_der(const uint8_t *const *pieces, const size_t *lengths, size_t count, cg_status *status) {
  gnutls_x509_crt_t list[CG_CHAIN_DEPTH_MAX];
  size_t total = 0;
  *status = count == 0 ? CG_ERROR_EMPTY : count > CG_CHAIN_DEPTH_MAX ? CG_ERROR_TOO_MANY : CG_OK;
  for (size_t i = 0; i < count && *status == CG_OK; i++) {
    if (lengths[i] > CG_CHAIN_BYTES_MAX - total) *status = CG_ERROR_TOO_LARGE;
    else total += lengths[i];
  }
  if (*status != CG_OK) return NULL;

  size_t done = 0;
  while (done < count) {
    gnutls_datum_t piece = {(unsigned char *)pieces[done], (unsigned)lengths[done]};
    int error = gnutls_x509_crt_init(&list[done]);
    if (error >= 0) {
      done += 1;
      error = gnutls_x509_crt_import(list[done - 1], &piece, GNUTLS_X509_FMT_DER);
    }
    if (error < 0) {
      /* Whatever GnuTLS refuses in a peer's bytes, to us they are not a certificate. */
      *status = error == GNUTLS_E_MEMORY_ERROR ? CG_ERROR_MEMORY : CG_ERROR_MALFORMED;
      while (done > 0) gnutls_x509_crt_deinit(list[--done]);
      return NULL;
    }
  }
  return cg_chain_adopt(list, count, status);
}

cg_chain *cg_chain_from_pem(const uint8_t *bytes, size_t length, cg_status *status) {
  gnutls_x509_crt_t list[CG_BUNDLE_COUNT_MAX];
  unsigned count = CG_BUNDLE_COUNT_MAX;
  gnutls_datum_t text = {(unsigned char *)bytes, (unsigned)length};
  int read = gnutls_x509_crt_list_import(list, &count, &text, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
  if (read <= 0) {
    *status = read == 0 ? CG_ERROR_EMPTY : cg_status_of(read);
    return NULL;
  }
  return cg_chain_adopt(list, (size_t)read, status);
}

size_t cg_session_peer_count(void *session) {
  unsigned count = 0;
  return gnutls_certificate_get_peers(session, &count) ? count : 0;
}

const uint8_t *cg_session_peer_der(void *session, size_t index, size_t *length) {
  unsigned count = 0;
  const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
  *length = peers && index < count ? peers[index].size : 0;
  return peers && index < count ? peers[index].data : NULL;
}

void cg_chain_free(cg_chain *chain) {
  if (!chain) return;
  for (size_t i = 0; i < chain->count; i++) {
    gnutls_x509_crt_deinit(chain->certificates[i]);
    gnutls_free(chain->der[i].data);
  }
  free(chain->certificates);
  free(chain->der);
  free(chain);
}

size_t cg_chain_count(const cg_chain *chain) { return chain->count; }

const uint8_t *cg_chain_der(const cg_chain *chain, size_t index, size_t *length) {
  *length = chain->der[index].size;
  return chain->der[index].data;
}

int64_t cg_chain_not_before(const cg_chain *chain, size_t index) {
  return gnutls_x509_crt_get_activation_time(chain->certificates[index]);
}

int64_t cg_chain_not_after(const cg_chain *chain, size_t index) {
  return gnutls_x509_crt_get_expiration_time(chain->certificates[index]);
}

int32_t cg_chain_is_authority(const cg_chain *chain, size_t index) {
  return gnutls_x509_crt_get_ca_status(chain->certificates[index], NULL) > 0;
}

int32_t cg_chain_path_length(const cg_chain *chain, size_t index) {
  unsigned is_authority = 0;
  int length = -1;
  if (gnutls_x509_crt_get_basic_constraints(chain->certificates[index], NULL, &is_authority, &length) < 0 || !is_authority) return -1;
  return length;
}

int32_t cg_chain_is_self_issued(const cg_chain *chain, size_t index) {
  return gnutls_x509_crt_check_issuer(chain->certificates[index], chain->certificates[index]) != 0;
}

uint32_t cg_chain_key_usage(const cg_chain *chain, size_t index) {
  unsigned usage = 0;
  if (gnutls_x509_crt_get_key_usage(chain->certificates[index], &usage, NULL) < 0) return CG_USAGE_ABSENT;
  return (usage & GNUTLS_KEY_DIGITAL_SIGNATURE ? CG_USAGE_DIGITAL_SIGNATURE : 0) |
         (usage & GNUTLS_KEY_KEY_CERT_SIGN ? CG_USAGE_CERTIFICATE_SIGN : 0);
}

uint32_t cg_chain_purposes(const cg_chain *chain, size_t index) {
  uint32_t found = 0;
  for (unsigned i = 0; i < 16; i++) {
    char oid[64];
    size_t size = sizeof oid;
    int error = gnutls_x509_crt_get_key_purpose_oid(chain->certificates[index], i, oid, &size, NULL);
    if (error == GNUTLS_E_SHORT_MEMORY_BUFFER) found |= CG_PURPOSE_OTHER;
    else if (error < 0) break;
    else if (strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0) found |= CG_PURPOSE_CLIENT;
    else if (strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) == 0) found |= CG_PURPOSE_SERVER;
    else if (strcmp(oid, GNUTLS_KP_ANY) == 0) found |= CG_PURPOSE_ANY;
    else found |= CG_PURPOSE_OTHER;
  }
  return found ? found : CG_PURPOSE_ABSENT;
}

cg_key_kind cg_chain_key_kind(const cg_chain *chain, size_t index, uint32_t *bits) {
  unsigned count = 0;
  int algorithm = gnutls_x509_crt_get_pk_algorithm(chain->certificates[index], &count);
  *bits = count;
  switch (algorithm) {
  case GNUTLS_PK_RSA:
  case GNUTLS_PK_RSA_PSS: return CG_KEY_RSA;
  case GNUTLS_PK_EDDSA_ED25519: return CG_KEY_ED25519;
  case GNUTLS_PK_EDDSA_ED448: return CG_KEY_ED448;
  case GNUTLS_PK_ECDSA: break;
  default: return CG_KEY_OTHER;
  }
  gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
  gnutls_datum_t x = {NULL, 0}, y = {NULL, 0};
  if (gnutls_x509_crt_get_pk_ecc_raw(chain->certificates[index], &curve, &x, &y) < 0) return CG_KEY_OTHER;
  gnutls_free(x.data);
  gnutls_free(y.data);
  switch (curve) {
  case GNUTLS_ECC_CURVE_SECP256R1: return CG_KEY_P256;
  case GNUTLS_ECC_CURVE_SECP384R1: return CG_KEY_P384;
  case GNUTLS_ECC_CURVE_SECP521R1: return CG_KEY_P521;
  default: return CG_KEY_OTHER;
  }
}

int32_t cg_chain_signature_is_strong(const cg_chain *chain, size_t index) {
  gnutls_sign_algorithm_t algorithm = gnutls_x509_crt_get_signature_algorithm(chain->certificates[index]);
  switch (algorithm) {
  case GNUTLS_SIGN_EDDSA_ED25519:
  case GNUTLS_SIGN_EDDSA_ED448: return 1;
  default: break;
  }
  switch (gnutls_sign_get_hash_algorithm(algorithm)) {
  case GNUTLS_DIG_SHA256:
  case GNUTLS_DIG_SHA384:
  case GNUTLS_DIG_SHA512: return 1;
  default: return 0;
  }
}

size_t cg_chain_text(const cg_chain *chain, size_t index, cg_text_kind kind, uint8_t *buffer, size_t capacity) {
  gnutls_x509_crt_t certificate = chain->certificates[index];
  gnutls_datum_t name = {NULL, 0};
  size_t length = 0;
  switch (kind) {
  case CG_TEXT_SUBJECT:
  case CG_TEXT_ISSUER: {
    int error = kind == CG_TEXT_SUBJECT ? gnutls_x509_crt_get_dn3(certificate, &name, 0)
                                        : gnutls_x509_crt_get_issuer_dn3(certificate, &name, 0);
    if (error < 0) return 0;
    length = name.size < capacity ? name.size : capacity;
    memcpy(buffer, name.data, length);
    gnutls_free(name.data);
    return length;
  }
  case CG_TEXT_SERIAL: {
    unsigned char serial[64];
    size_t size = sizeof serial;
    if (gnutls_x509_crt_get_serial(certificate, serial, &size) < 0) return 0;
    for (size_t i = 0; i < size && length + 2 <= capacity; i++) {
      buffer[length++] = (uint8_t) "0123456789abcdef"[serial[i] >> 4];
      buffer[length++] = (uint8_t) "0123456789abcdef"[serial[i] & 15];
    }
    return length;
  }
  case CG_TEXT_SIGNATURE: {
    int algorithm = gnutls_x509_crt_get_signature_algorithm(certificate);
    const char *text = algorithm < 0 ? NULL : gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm);
    if (!text) return 0;
    size_t size = strlen(text);
    length = size < capacity ? size : capacity;
    memcpy(buffer, text, length);
    return length;
  }
  }
  return 0;
}

uint8_t *cg_chain_pem(const cg_chain *chain, size_t index, size_t *length) {
  gnutls_datum_t text = {NULL, 0};
  if (gnutls_x509_crt_export2(chain->certificates[index], GNUTLS_X509_FMT_PEM, &text) < 0) return NULL;
  *length = text.size;
  return text.data;
}
