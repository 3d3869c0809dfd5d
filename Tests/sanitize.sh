#!/bin/sh
# Checks that take too long for every change: a million mutated vectors through every decoder, and all code above the C libraries, under the
# address sanitizer; whole nodes and all code with sockets under the thread sanitizer too. Every build has its own scratch path.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
. Tests/live.sh
step() { printf '\n==> %s\n' "$*"; }

step "Installing what is missing"
sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev serf

step "Mutated vectors within the memory budget, and under the address sanitizer"
swift run -c release --scratch-path .build/release MutateVectors "${MUTATIONS:-1000000}" 1 64
swift run -c release --sanitize=address --scratch-path .build/address-release MutateVectors "${MUTATIONS:-1000000}" 1 0

# tests SANITIZER SUITES: builds with the sanitizer, then runs the suites in virtual time, then those with sockets and processes, a few at a time
# because everything takes longer.
tests() {
  build="--enable-all-traits --sanitize=$1 --scratch-path .build/$1"
  # Options are separate words.
  # shellcheck disable=SC2086
  swift build $build --build-tests
  # shellcheck disable=SC2086
  swift test $build --skip-build --filter "$2" --skip "$live"
  # shellcheck disable=SC2086
  swift test $build --skip-build --experimental-maximum-parallelization-width 4 --filter "$live"
}

step "QUIC, certificates and nodes under the address sanitizer"
export ASAN_OPTIONS=detect_leaks=0
tests address 'SerfQUICTests|SerfIdentityTests|SerfTests'

step "Nodes under the thread sanitizer"
export TSAN_OPTIONS="halt_on_error=0:exitcode=66:suppressions=$PWD/Tests/thread-sanitizer.txt"
tests thread SerfTests

printf '\n==> No sanitizer found anything\n'
