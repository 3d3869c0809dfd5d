#!/bin/sh
# The command as it is built for a server: with Swift's library inside, so that it needs C libraries of Debian and no toolchain.
# Checks the libraries it loads, runs the demonstration while the toolchain is hidden, and compares its start and an idle agent's memory with
# Debian's Go agent. Takes 4 minutes and the build; nothing else should run meanwhile. Needs root or user namespaces.
set -eu
cd "$(dirname "$0")/.."
sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev serf binutils
go=/usr/bin/serf
libraries='libngtcp2 libngtcp2_crypto_gnutls libgnutls libzstd libresolv libm libc ld-linux-x86-64 ld-linux-aarch64'
step() { printf '\n==> %s\n' "$*"; }

step "Building the command"
set -- -c release --static-swift-stdlib --toolset Sources/SerfCommand/Server/toolset.json
swift build "$@" --product serf
dir=$(mktemp -d)
pids=
tidy() {
  status=$?
  trap - EXIT INT TERM
  for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
  exit $status
}
trap tidy EXIT
trap 'exit 130' INT TERM
ours=$dir/serf
strip -o "$ours" "$(swift build "$@" --show-bin-path)/serf"
ls -l "$ours"

step "What it loads"
needed=$(readelf --dynamic "$ours" | sed -n 's/.*(NEEDED).*\[\(.*\)\.so.*\].*/\1/p')
for library in $needed; do
  case " $libraries " in *" $library "*) echo "$library" ;; *) echo "$library is no C library of Debian" >&2; exit 1 ;; esac
done

# Where the toolchain is, or its libraries if it shares /usr with the system.
toolchain=$(readlink -f "$(command -v swift)")
toolchain=${toolchain%/bin/*}
[ "$toolchain" != /usr ] || toolchain=/usr/lib/swift
step "The demonstration, without $toolchain"
as_root=
[ "$(id -u)" -eq 0 ] || as_root=--map-root-user
unshare --mount $as_root sh -euc "
  mount -t tmpfs none '$toolchain'
  [ -z \"\$(ls '$toolchain')\" ]
  SERF='$ours' sh Examples/demo.sh"

# bound WHAT OURS GO LIMIT: prints both figures and fails if ours is more than LIMIT times Go's.
bound() {
  awk -v what="$1" -v ours="$2" -v go="$3" -v limit="$4" 'BEGIN {
    printf "%s: ours %.1f, Go %.1f, ratio %.2f (at most %s)\n", what, ours, go, ours / go, limit
    exit ours > limit * go }' || failed=1
}
failed=0

step "The start of 'serf version', 20 times each in turns"
# Bash has a clock of its own, so that no other process is in the figures.
bash -euc '
  for round in $(seq 20); do
    for program; do
      from=${EPOCHREALTIME/[.,]/}
      "$program" version >/dev/null
      printf "%s " $((${EPOCHREALTIME/[.,]/} - from))
    done
    echo
  done' start "$ours" "$go" >"$dir/start"
# median COLUMN: of 20 lines, in ms.
median() { sort -n -k "$1,$1" "$dir/start" | awk -v column="$1" 'NR == 10 || NR == 11 { sum += $column } END { print sum / 2000 }'; }
bound "start in ms, median" "$(median 1)" "$(median 2)" 1.5

step "The memory of an idle agent, 60 s after its start"
"$ours" certs ca -cluster idle -out "$dir" >/dev/null
"$ours" certs node idle -cluster idle -ca "$dir/ca.pem" -ca-key "$dir/ca.key" -out "$dir" >/dev/null
"$ours" agent -node idle -bind 127.0.0.1:0 -rpc-addr 127.0.0.1:0 -cluster idle \
  -tls-ca "$dir/ca.pem" -tls-cert "$dir/idle.pem" -tls-key "$dir/idle.key" >"$dir/ours.log" 2>&1 &
pid_ours=$!
"$go" agent -node idle -bind 127.0.0.1:0 -rpc-addr 127.0.0.1:0 >"$dir/go.log" 2>&1 &
pid_go=$!
pids="$pid_ours $pid_go"
sleep 60
for name in ours go; do
  grep -q 'Serf agent running' "$dir/$name.log" || { cat "$dir/$name.log"; exit 1; }
  eval "pid=\$pid_$name"
  printf '%s: ' "$name"
  awk '/^Pss(_Anon|_File)?:/ { printf "%s %d kB  ", $1, $2 } END { print "" }' "/proc/$pid/smaps_rollup"
  eval "pss_$name=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")"
done
bound "memory (PSS) in kB" "$pss_ours" "$pss_go" 1.3

[ $failed -eq 0 ] || { echo "a bound is broken" >&2; exit 1; }
printf '\n==> All checks passed\n'
