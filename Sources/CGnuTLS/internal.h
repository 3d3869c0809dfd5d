/* Shared by the files of this target only. */
#pragma once

#include "CGnuTLS.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>

struct cg_chain {
  size_t count;
  gnutls_x509_crt_t *certificates;
  gnutls_datum_t *der; /* one each, owned by GnuTLS's allocator */
};

struct cg_key {
  gnutls_x509_privkey_t key;
};

cg_status cg_status_of(int gnutls_error);
/* Takes over the certificates of `list` in every case; frees them when it fails. */
cg_chain *cg_chain_adopt(gnutls_x509_crt_t *list, size_t count, cg_status *status);
