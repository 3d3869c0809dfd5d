#!/bin/sh
# All checks that must pass before a change lands: lint, purity, Embedded, documentation, tests and the build without traits.
# Installs from Debian what is missing, says what it does, and stops at the first failure. One debug build with every trait serves the tests;
# the examples and the variant without traits have their own scratch paths.
set -eu
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
# Package.swift makes warnings errors then. Set it for your own builds too if you change between them and this script, or both build anew.
export SERF_CHECKS=1
. Tests/live.sh
step() { printf '\n==> %s\n' "$*"; }

step "Installing what is missing"
sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev serf nodejs

step "Lint"
swift format lint --recursive --strict Package.swift Sources Tests Examples
echo "lint: clean"
sh Tests/enums.sh

step "Citations of the protocol documents"
sh Tests/citations.sh

step "Scenarios and their tests"
node Tests/scenarios.mjs

step "Texts of the library"
sh Tests/flags.sh

step "Purity of the core"
sh Tests/purity.sh

step "Build (debug, with every trait), and beside it the core as Embedded Swift, run under node"
# That one keeps a single processor busy for as long as the build does not always need both.
mkdir -p .build
sh Tests/embedded.sh >.build/embedded.log 2>&1 &
embedded=$!
trap 'kill $embedded 2>/dev/null || true' EXIT
swift build --enable-all-traits --build-tests --explicit-target-dependency-import-check error
wait $embedded || { cat .build/embedded.log >&2; exit 1; }
trap - EXIT
cat .build/embedded.log

step "Documentation"
sh Tests/docs.sh

step "Tests in virtual time"
swift test --enable-all-traits --skip-build --skip "$live"

step "Tests with sockets and processes"
# A few at a time: they have limits in real time, and some keep a processor busy for seconds.
swift test --enable-all-traits --skip-build --experimental-maximum-parallelization-width 4 --filter "$live"

step "Mutated vectors through every decoder"
swift run --enable-all-traits --skip-build MutateVectors 20000

step "The examples, a package of their own"
swift build --package-path Examples --scratch-path .build/examples
examples=$(swift build --package-path Examples --scratch-path .build/examples --show-bin-path)
# A cluster in one process, and one of several; each ends by itself within seconds.
timeout 60 "$examples/PublicFace"
TOYCONSUL=$examples/toyconsul timeout 60 sh Examples/toyconsul.sh

step "Build without traits, with ngtcp2 and zstd out of sight"
sh Tests/no-traits.sh

printf '\n==> All checks passed\n'
