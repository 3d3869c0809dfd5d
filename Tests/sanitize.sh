#!/bin/sh
# What takes too long for every change: a million mutated vectors through every decoder, and everything above the C libraries, under the
# address sanitizer; the driver, the transports, the agent and whole nodes under the thread sanitizer. Every build has a scratch path of its own.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
step() { printf '\n==> %s\n' "$*"; }

step "Installing what is missing"
sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev

step "Mutated vectors within the memory budget, and under the address sanitizer"
swift run -c release --scratch-path .build/release MutateVectors "${MUTATIONS:-1000000}" 1 64
swift run -c release --sanitize=address --scratch-path .build/address-release MutateVectors "${MUTATIONS:-1000000}" 1 0

step "QUIC, certificates and nodes under the address sanitizer"
ASAN_OPTIONS=detect_leaks=0 \
  swift test --enable-all-traits --sanitize=address --scratch-path .build/address --filter 'SerfQUICTests|SerfIdentityTests|SerfTests|SerfTransportTests'

step "Nodes under the thread sanitizer"
TSAN_OPTIONS=halt_on_error=0:exitcode=66 \
  swift test --enable-all-traits --sanitize=thread --scratch-path .build/thread --filter 'SerfTests|SerfTransportTests|SerfAgentTests|SerfClientTests'

printf '\n==> No sanitizer found anything\n'
