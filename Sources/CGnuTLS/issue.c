/* Making certificates and revocation lists. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cg_template {
  uint8_t *common_name, *alternative_names;
  size_t common_name_length, alternative_names_length;
  int64_t not_before, not_after;
  int32_t is_authority, path_length;
  uint32_t usage, purposes;
  cg_hash hash;
};

cg_template *cg_template_new(void) {
  cg_template *made = calloc(1, sizeof *made);
  if (made) made->hash = CG_HASH_SHA256;
  return made;
}

void cg_template_free(cg_template *template_) {
  if (!template_) return;
  free(template_->common_name);
  free(template_->alternative_names);
  free(template_);
}

static void replace(uint8_t **field, size_t *field_length, const uint8_t *bytes, size_t length) {
  free(*field);
  *field = length ? malloc(length) : NULL;
  *field_length = *field ? length : 0;
  if (*field) memcpy(*field, bytes, length);
}

void cg_template_set_common_name(cg_template *template_, const uint8_t *bytes, size_t length) {
  replace(&template_->common_name, &template_->common_name_length, bytes, length);
}

void cg_template_set_alternative_names(cg_template *template_, const uint8_t *der, size_t length) {
  replace(&template_->alternative_names, &template_->alternative_names_length, der, length);
}

void cg_template_set_validity(cg_template *template_, int64_t not_before, int64_t not_after) {
  template_->not_before = not_before;
  template_->not_after = not_after;
}

void cg_template_set_authority(cg_template *template_, int32_t path_length) {
  template_->is_authority = 1;
  template_->path_length = path_length;
}

void cg_template_set_key_usage(cg_template *template_, uint32_t usage) { template_->usage = usage; }

void cg_template_set_purposes(cg_template *template_, uint32_t purposes) { template_->purposes = purposes; }

void cg_template_set_hash(cg_template *template_, cg_hash hash) { template_->hash = hash; }

static gnutls_digest_algorithm_t hash_for(gnutls_x509_privkey_t key, cg_hash hash) {
  switch (gnutls_x509_privkey_get_pk_algorithm(key)) {
  case GNUTLS_PK_EDDSA_ED25519: return GNUTLS_DIG_SHA512;
  case GNUTLS_PK_EDDSA_ED448: return GNUTLS_DIG_SHAKE_256;
  default: return hash == CG_HASH_SHA1 ? GNUTLS_DIG_SHA1 : GNUTLS_DIG_SHA256;
  }
}

static int set_extensions(gnutls_x509_crt_t made, const cg_template *t, gnutls_x509_crt_t issuer) {
  int error = gnutls_x509_crt_set_basic_constraints(made, t->is_authority ? 1 : 0, t->is_authority ? t->path_length : -1);
  if (error >= 0 && t->usage && !(t->usage & CG_USAGE_ABSENT)) {
    unsigned usage = (t->usage & CG_USAGE_DIGITAL_SIGNATURE ? GNUTLS_KEY_DIGITAL_SIGNATURE : 0) |
                     (t->usage & CG_USAGE_CERTIFICATE_SIGN ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN : 0);
    error = gnutls_x509_crt_set_key_usage(made, usage);
  }
  if (error >= 0 && (t->purposes & CG_PURPOSE_SERVER))
    error = gnutls_x509_crt_set_key_purpose_oid(made, GNUTLS_KP_TLS_WWW_SERVER, 0);
  if (error >= 0 && (t->purposes & CG_PURPOSE_CLIENT))
    error = gnutls_x509_crt_set_key_purpose_oid(made, GNUTLS_KP_TLS_WWW_CLIENT, 0);
  if (error >= 0 && (t->purposes & CG_PURPOSE_ANY)) error = gnutls_x509_crt_set_key_purpose_oid(made, GNUTLS_KP_ANY, 0);
  if (error >= 0 && t->alternative_names)
    error = gnutls_x509_crt_set_extension_by_oid(
        made, GNUTLS_X509EXT_OID_SAN, t->alternative_names, t->alternative_names_length, 0);

  unsigned char id[64];
  size_t size = sizeof id;
  if (error >= 0) error = gnutls_x509_crt_get_key_id(made, 0, id, &size);
  if (error >= 0) error = gnutls_x509_crt_set_subject_key_id(made, id, size);
  size = sizeof id;
  /* This tells two authorities with one name apart, as during a rotation. */
  if (error >= 0 && gnutls_x509_crt_get_subject_key_id(issuer, id, &size, NULL) >= 0)
    error = gnutls_x509_crt_set_authority_key_id(made, id, size);
  return error;
}

static int fill(gnutls_x509_crt_t made, const cg_template *t, gnutls_x509_privkey_t subject_key, gnutls_x509_crt_t issuer) {
  unsigned char serial[20];
  int error = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
  serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and never shorter */
  if (error >= 0) error = gnutls_x509_crt_set_version(made, 3);
  if (error >= 0) error = gnutls_x509_crt_set_serial(made, serial, sizeof serial);
  if (error >= 0) error = gnutls_x509_crt_set_activation_time(made, (time_t)t->not_before);
  if (error >= 0) error = gnutls_x509_crt_set_expiration_time(made, (time_t)t->not_after);
  if (error >= 0 && t->common_name)
    error = gnutls_x509_crt_set_dn_by_oid(made, GNUTLS_OID_X520_COMMON_NAME, 0, t->common_name, (unsigned)t->common_name_length);
  if (error >= 0) error = gnutls_x509_crt_set_key(made, subject_key);
  if (error >= 0) error = set_extensions(made, t, issuer);
  return error;
}

static int sign(gnutls_x509_crt_t made, gnutls_x509_crt_t issuer, gnutls_x509_privkey_t issuer_key, cg_hash hash) {
  gnutls_privkey_t signer;
  int error = gnutls_privkey_init(&signer);
  if (error < 0) return error;
  error = gnutls_privkey_import_x509(signer, issuer_key, 0);
  if (error >= 0) error = gnutls_x509_crt_privkey_sign(made, issuer, signer, hash_for(issuer_key, hash), 0);
  gnutls_privkey_deinit(signer);
  return error;
}

cg_chain *cg_template_sign(
    const cg_template *template_, const cg_key *subject_key, const cg_chain *issuer, const cg_key *issuer_key, cg_status *status) {
  gnutls_x509_crt_t made, finished;
  int error = gnutls_x509_crt_init(&made);
  if (error < 0) {
    *status = cg_status_of(error);
    return NULL;
  }
  gnutls_x509_crt_t signer = issuer ? issuer->certificates[0] : made;
  error = fill(made, template_, subject_key->key, signer);
  if (error >= 0) error = sign(made, signer, issuer_key->key, template_->hash);

  /* Read back what was signed: a certificate under construction lacks the caches that a parsed one has. */
  gnutls_datum_t der = {NULL, 0};
  if (error >= 0) error = gnutls_x509_crt_export2(made, GNUTLS_X509_FMT_DER, &der);
  gnutls_x509_crt_deinit(made);
  if (error >= 0) error = gnutls_x509_crt_init(&finished);
  if (error >= 0) {
    error = gnutls_x509_crt_import(finished, &der, GNUTLS_X509_FMT_DER);
    if (error < 0) gnutls_x509_crt_deinit(finished);
  }
  gnutls_free(der.data);
  *status = cg_status_of(error);
  return error < 0 ? NULL : cg_chain_adopt(&finished, 1, status);
}

uint8_t *cg_revocations_pem(
    const cg_chain *issuer, const cg_key *issuer_key, const cg_chain *const *revoked, size_t count, int64_t this_update,
    int64_t next_update, size_t *length) {
  gnutls_x509_crl_t list;
  gnutls_privkey_t signer = NULL;
  gnutls_datum_t text = {NULL, 0};
  if (gnutls_x509_crl_init(&list) < 0) return NULL;
  int error = gnutls_x509_crl_set_version(list, 2);
  if (error >= 0) error = gnutls_x509_crl_set_this_update(list, (time_t)this_update);
  if (error >= 0) error = gnutls_x509_crl_set_next_update(list, (time_t)next_update);
  for (size_t i = 0; i < count && error >= 0; i++)
    error = gnutls_x509_crl_set_crt(list, revoked[i]->certificates[0], (time_t)this_update);
  if (error >= 0) error = gnutls_privkey_init(&signer);
  if (error >= 0) error = gnutls_privkey_import_x509(signer, issuer_key->key, 0);
  if (error >= 0)
    error = gnutls_x509_crl_privkey_sign(list, issuer->certificates[0], signer, hash_for(issuer_key->key, CG_HASH_SHA256), 0);
  if (error >= 0) error = gnutls_x509_crl_export2(list, GNUTLS_X509_FMT_PEM, &text);
  if (signer) gnutls_privkey_deinit(signer);
  gnutls_x509_crl_deinit(list);
  if (error < 0) return NULL;
  *length = text.size;
  return text.data;
}
