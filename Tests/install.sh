#!/bin/sh
# install.sh PACKAGE... : installs the Debian packages that are missing. `nodejs` counts as installed when `node` runs.
set -eu
missing=
for package in "$@"; do
  [ "$package" = nodejs ] && command -v node >/dev/null 2>&1 && continue
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "missing:$missing. Install them and run this again." >&2; exit 1; }
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
echo "installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
