#!/bin/sh
# Builds the products without traits while the headers of ngtcp2 and zstd are hidden (in a separate mount namespace, if we may make one),
# and checks that the agent says which traits it was built without.
set -eu
cd "$(dirname "$0")/.."
build='swift build --disable-default-traits --scratch-path .build/no-traits'
if unshare --mount true 2>/dev/null; then
  unshare --mount sh -euc "
    [ ! -d /usr/include/ngtcp2 ] || mount -t tmpfs none /usr/include/ngtcp2
    [ ! -f /usr/include/zstd.h ] || mount --bind /dev/null /usr/include/zstd.h
    [ -z \"\$(ls /usr/include/ngtcp2 2>/dev/null)\" ] && [ ! -s /usr/include/zstd.h ]
    $build"
else
  $build
fi
absent() {
  expected=$1
  shift
  status=0
  message=$(.build/no-traits/debug/serf agent "$@" 2>&1) || status=$?
  echo "$message"
  [ $status -eq 1 ] && echo "$message" | grep -q "$expected"
}
absent 'built without QUIC'
absent 'built without TLS' -transport=tls
