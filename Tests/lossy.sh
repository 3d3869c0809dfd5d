#!/bin/sh
# Tests/lossy.sh: large messages among 20 nodes over QUIC, in a network namespace that loses 1 % of all packets. Needs root, and a debug build with
# every trait: swift build --enable-all-traits --build-tests.
set -eu
cd "$(dirname "$0")/.."
sh Tests/install.sh iproute2 nftables
namespace=serf-lossy-$$
trap 'ip netns delete "$namespace"' EXIT
trap 'exit 130' INT TERM
ip netns add "$namespace"
ip -n "$namespace" link set lo up
ip netns exec "$namespace" nft -f - <<RULES
table inet lossy {
  chain input {
    type filter hook input priority 0;
    meta l4proto udp numgen random mod 100 0 counter drop
  }
}
RULES
SERF_NODES=20 ip netns exec "$namespace" swift test --enable-all-traits --skip-build --filter 'LiveTests\.LargeSocketTests'
ip netns exec "$namespace" nft list table inet lossy
