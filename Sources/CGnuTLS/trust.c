/* Which authorities we believe, what they revoked, and whether a chain leads to one of them. */
#include "internal.h"

#include <stdlib.h>

struct cg_trust {
  gnutls_x509_trust_list_t list;
  /* The same authorities once more: the list hides its own, and several may have one name. */
  cg_chain *authorities;
};

/* Time is the caller's (a virtual clock in tests); an unsorted chain would make the walk below disagree with GnuTLS's. */
static const unsigned verify_flags =
    GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DO_NOT_ALLOW_UNSORTED_CHAIN | GNUTLS_VERIFY_DO_NOT_ALLOW_X509_V1_CA_CRT;

static int copy_of(const gnutls_datum_t *der, gnutls_x509_crt_t *copy) {
  int error = gnutls_x509_crt_init(copy);
  if (error < 0) return error;
  error = gnutls_x509_crt_import(*copy, der, GNUTLS_X509_FMT_DER);
  if (error < 0) gnutls_x509_crt_deinit(*copy);
  return error;
}

cg_trust *cg_trust_new(const cg_chain *authorities, cg_status *status) {
  cg_trust *trust = calloc(1, sizeof *trust);
  gnutls_x509_crt_t *copies = calloc(authorities->count, sizeof *copies);
  int error = trust && copies ? gnutls_x509_trust_list_init(&trust->list, 0) : GNUTLS_E_MEMORY_ERROR;
  size_t done = 0;
  while (done < authorities->count && error >= 0) {
    error = copy_of(&authorities->der[done], &copies[done]);
    if (error >= 0) done += 1;
  }
  if (error >= 0) {
    trust->authorities = cg_chain_adopt(copies, done, status);
    done = 0;
    if (!trust->authorities) error = GNUTLS_E_MEMORY_ERROR;
  }
  /* The trust list owns what it is given, so it gets copies of its own. */
  for (size_t i = 0; i < authorities->count && error >= 0; i++) {
    gnutls_x509_crt_t copy;
    error = copy_of(&authorities->der[i], &copy);
    if (error < 0) break;
    error = gnutls_x509_trust_list_add_cas(trust->list, &copy, 1, 0);
    if (error < 0) gnutls_x509_crt_deinit(copy);
  }
  while (done > 0) gnutls_x509_crt_deinit(copies[--done]);
  free(copies);
  if (error < 0) {
    cg_trust_free(trust);
    *status = cg_status_of(error);
    return NULL;
  }
  *status = CG_OK;
  return trust;
}

void cg_trust_free(cg_trust *trust) {
  if (!trust) return;
  if (trust->list) gnutls_x509_trust_list_deinit(trust->list, 1);
  cg_chain_free(trust->authorities);
  free(trust);
}

/*
 * Whether one of the authorities signed the list. gnutls_x509_crl_verify compares times with the system's clock whatever the flags
 * say, but after the signature, so its verdict on time can be told apart and left to the caller: an overdue list still revokes what it
 * names.
 */
static int is_signed_by(gnutls_x509_crl_t list, const cg_chain *authorities) {
  const unsigned about_time = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
  unsigned verdict = 0;
  int error = gnutls_x509_crl_verify(list, authorities->certificates, (unsigned)authorities->count, verify_flags, &verdict);
  if (error < 0) return 0;
  return verdict == 0 || ((verdict & about_time) && !(verdict & ~(about_time | GNUTLS_CERT_INVALID)));
}

cg_status cg_trust_add_revocations_pem(cg_trust *trust, const uint8_t *bytes, size_t length, int64_t *next_update) {
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
    /* Added, the list belongs to the trust list. */
    if (!is_signed_by(lists[i], trust->authorities)) status = CG_ERROR_NOT_OURS;
    else if (gnutls_x509_trust_list_add_crls(trust->list, &lists[i], 1, 0, 0) != 1) status = CG_ERROR_OTHER;
    if (status != CG_OK) break;
  }
  for (unsigned rest = i; rest < count; rest++) gnutls_x509_crl_deinit(lists[rest]);
  gnutls_free(lists);
  return status;
}

/*
 * An authority that signed `certificate`; of several (one that was renewed with its old key) one that is valid now, if there is one.
 * GnuTLS's own search returns the first, which may be the expired one.
 */
static gnutls_x509_crt_t issuer_of(gnutls_x509_crt_t certificate, const cg_chain *authorities, int64_t now) {
  gnutls_x509_crt_t found = NULL;
  for (size_t i = 0; i < authorities->count; i++) {
    gnutls_x509_crt_t candidate = authorities->certificates[i];
    unsigned verdict = 0;
    if (!gnutls_x509_crt_check_issuer(certificate, candidate)) continue;
    if (gnutls_x509_crt_verify(certificate, &candidate, 1, verify_flags, &verdict) < 0 || verdict != 0) continue;
    found = candidate;
    if (gnutls_x509_crt_get_activation_time(candidate) <= now && now <= gnutls_x509_crt_get_expiration_time(candidate)) break;
  }
  return found;
}

/* The walk that GnuTLS made: up the sent chain until a certificate whose issuer is one of the authorities. */
static void find_anchor(
    const cg_trust *trust, const cg_chain *chain, int64_t now, size_t *used, int64_t *anchor_not_before, int64_t *anchor_not_after) {
  for (size_t i = 0; i < chain->count; i++) {
    gnutls_x509_crt_t issuer = issuer_of(chain->certificates[i], trust->authorities, now);
    *used = i + 1;
    if (!issuer) continue;
    *anchor_not_before = gnutls_x509_crt_get_activation_time(issuer);
    *anchor_not_after = gnutls_x509_crt_get_expiration_time(issuer);
    return;
  }
}

cg_trust_result cg_trust_verify(
    const cg_trust *trust, const cg_chain *chain, int64_t now, size_t *used, int64_t *anchor_not_before, int64_t *anchor_not_after) {
  *used = chain->count;
  *anchor_not_before = INT64_MIN;
  *anchor_not_after = INT64_MAX;
  unsigned verdict = 0;
  int error = gnutls_x509_trust_list_verify_crt2(
      trust->list, chain->certificates, (unsigned)chain->count, NULL, 0, verify_flags, &verdict, NULL);
  if (error < 0) return CG_TRUST_OTHER;
  if (verdict == 0) {
    find_anchor(trust, chain, now, used, anchor_not_before, anchor_not_after);
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
