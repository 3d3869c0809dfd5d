/* Which authorities we trust, what they revoked, and whether a chain leads to one of them. */
#include "internal.h"

#include <stdlib.h>

struct cg_trust {
  gnutls_x509_trust_list_t list;
};

/* The caller checks the time (with a virtual clock in tests). With an unsorted chain the walk below would differ from GnuTLS's. */
static const unsigned verify_flags =
    GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DO_NOT_ALLOW_UNSORTED_CHAIN | GNUTLS_VERIFY_DO_NOT_ALLOW_X509_V1_CA_CRT;

cg_trust *cg_trust_new(const cg_chain *authorities, cg_status *status) {
  cg_trust *trust = calloc(1, sizeof *trust);
  if (!trust) {
    *status = CG_ERROR_MEMORY;
    return NULL;
  }
  int error = gnutls_x509_trust_list_init(&trust->list, 0);
  for (size_t i = 0; i < authorities->count && error >= 0; i++) {
    /* The list owns what it is given, so it gets a copy. */
    gnutls_x509_crt_t copy;
    error = gnutls_x509_crt_init(&copy);
    if (error < 0) break;
    error = gnutls_x509_crt_import(copy, &authorities->der[i], GNUTLS_X509_FMT_DER);
    if (error >= 0) error = gnutls_x509_trust_list_add_cas(trust->list, &copy, 1, 0);
    if (error < 0) gnutls_x509_crt_deinit(copy);
  }
  if (error < 0) {
    *status = cg_status_of(error);
    cg_trust_free(trust);
    return NULL;
  }
  *status = CG_OK;
  return trust;
}

void cg_trust_free(cg_trust *trust) {
  if (!trust) return;
  if (trust->list) gnutls_x509_trust_list_deinit(trust->list, 1);
  free(trust);
}

/*
 * Whether one of the authorities signed the list. gnutls_x509_crl_verify compares times with the system's clock whatever the flags
 * say. But it does so after the signature, so its verdict on time can be told apart and ignored: an overdue list still revokes what it
 * names.
 */
static int is_signed_by(gnutls_x509_crl_t list, const cg_chain *authorities) {
  const unsigned about_time = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
  unsigned verdict = 0;
  int error = gnutls_x509_crl_verify(list, authorities->certificates, (unsigned)authorities->count, verify_flags, &verdict);
  if (error < 0) return 0;
  return verdict == 0 || ((verdict & about_time) && !(verdict & ~(about_time | GNUTLS_CERT_INVALID)));
}

cg_status cg_trust_add_revocations_pem(
    cg_trust *trust, const cg_chain *authorities, const uint8_t *bytes, size_t length, int64_t *next_update) {
  gnutls_datum_t text = {(unsigned char *)bytes, (unsigned)length};
  gnutls_x509_crl_t *lists = NULL;
  unsigned count = 0;
  *next_update = -1;
  int error = gnutls_x509_crl_list_import2(&lists, &count, &text, GNUTLS_X509_FMT_PEM, 0);
  if (error < 0) return cg_status_of(error);
  if (count == 0) {
    gnutls_free(lists);
    return CG_ERROR_EMPTY;
  }
  cg_status status = CG_OK;
  unsigned i = 0;
  for (; i < count; i++) {
    int64_t next = gnutls_x509_crl_get_next_update(lists[i]);
    if (next >= 0 && (*next_update < 0 || next < *next_update)) *next_update = next;
    /* After it is added, the list belongs to the trust list. */
    if (!is_signed_by(lists[i], authorities)) status = CG_ERROR_NOT_OURS;
    else if (gnutls_x509_trust_list_add_crls(trust->list, &lists[i], 1, 0, 0) != 1) status = CG_ERROR_OTHER;
    if (status != CG_OK) break;
  }
  for (unsigned rest = i; rest < count; rest++) gnutls_x509_crl_deinit(lists[rest]);
  gnutls_free(lists);
  return status;
}

/* The walk that GnuTLS made: up the sent chain until a certificate whose issuer is one of the authorities. */
static void find_anchor(
    gnutls_x509_trust_list_t list, const cg_chain *chain, size_t *used, int64_t *anchor_not_before, int64_t *anchor_not_after) {
  for (size_t i = 0; i < chain->count; i++) {
    gnutls_x509_crt_t issuer;
    *used = i + 1;
    /* The list keeps the issuer: a copy would be parsed again, a third of the whole verification. This is thread-safe, because the list never changes. */
    if (gnutls_x509_trust_list_get_issuer(list, chain->certificates[i], &issuer, 0) < 0) continue;
    *anchor_not_before = gnutls_x509_crt_get_activation_time(issuer);
    *anchor_not_after = gnutls_x509_crt_get_expiration_time(issuer);
    return;
  }
}

cg_trust_result cg_trust_verify(
    const cg_trust *trust, const cg_chain *chain, size_t *used, int64_t *anchor_not_before, int64_t *anchor_not_after) {
  *used = chain->count;
  *anchor_not_before = INT64_MIN;
  *anchor_not_after = INT64_MAX;
  unsigned verdict = 0;
  int error = gnutls_x509_trust_list_verify_crt2(
      trust->list, chain->certificates, (unsigned)chain->count, NULL, 0, verify_flags, &verdict, NULL);
  if (error < 0) return CG_TRUST_OTHER;
  if (verdict == 0) {
    find_anchor(trust->list, chain, used, anchor_not_before, anchor_not_after);
    return CG_TRUST_OK;
  }
  /* From the general to the particular: an unknown issuer says nothing about the rest. */
  if (verdict & GNUTLS_CERT_SIGNER_NOT_FOUND) return CG_TRUST_UNKNOWN_ISSUER;
  if (verdict & GNUTLS_CERT_SIGNATURE_FAILURE) return CG_TRUST_BAD_SIGNATURE;
  if (verdict & GNUTLS_CERT_REVOKED) return CG_TRUST_REVOKED;
  if (verdict & GNUTLS_CERT_SIGNER_NOT_CA) return CG_TRUST_ISSUER_NOT_AUTHORITY;
  if (verdict & GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) return CG_TRUST_CONSTRAINT;
  if (verdict & GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS) return CG_TRUST_CRITICAL_EXTENSION;
  if (verdict & GNUTLS_CERT_INSECURE_ALGORITHM) return CG_TRUST_WEAK;
  return CG_TRUST_OTHER;
}
