#!/bin/sh
# Writes Sources/SerfCommand/Server/order.txt anew: the functions that run in `serf version`, and in an agent that another one joins and asks.
# The linker puts them side by side, so that a start and an idle agent need few pages of the program. Names that a later build lacks do no harm, and
# functions that the list lacks lie elsewhere: run this when Tests/static.sh shows that the figures have grown. Takes a minute and the build.
# SERF=PATH takes a command that is built already, with its symbols.
set -eu
cd "$(dirname "$0")/.."
sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev binutils valgrind
order=Sources/SerfCommand/Server/order.txt
built=${SERF:-}
if [ -z "$built" ]; then
  set -- -c release --static-swift-stdlib --toolset Sources/SerfCommand/Server/toolset.json
  swift build "$@" --product serf
  built=$(swift build "$@" --show-bin-path)/serf
fi
dir=$(mktemp -d)
pids=
tidy() {
  status=$?
  trap - EXIT INT TERM
  [ $status -eq 0 ] || for log in "$dir"/*.log; do [ -f "$log" ] && printf '\n--- %s\n' "${log##*/}" && tail -n 30 "$log"; done
  for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
  exit $status
}
trap tidy EXIT
trap 'exit 130' INT TERM
serf=$dir/serf
# The names stay; valgrind would read the other tables for a minute.
strip --strip-debug -o "$serf" "$built"

# traced NAME ARGUMENT...: runs the command, and writes the functions that ran to NAME.trace when it ends.
traced() {
  name=$1
  shift
  exec valgrind --quiet --tool=callgrind --callgrind-out-file="$dir/$name.trace" --demangle=no --compress-strings=no "$serf" "$@"
}
# await WHAT COMMAND...: repeats the command until it succeeds, for a minute.
await() {
  what=$1 tries=120
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "timed out waiting for: $what" >&2; exit 1; }
    sleep 0.5
  done
}
# agent NAME ARGUMENT...: the arguments of an agent on ports that the kernel chooses.
agent() {
  name=$1
  shift
  set -- "$@" -tls-ca "$dir/ca.pem" -tls-cert "$dir/$name.pem" -tls-key "$dir/$name.key"
  "$@" -node "$name" -bind 127.0.0.1:0 -rpc-addr 127.0.0.1:0 -cluster order >"$dir/$name.log" 2>&1 &
  pids="$pids $!"
  await "agent $name" grep -q 'Serf agent running' "$dir/$name.log"
}
address() { sed -n "s/.*$2 addr: '\(.*\)'.*/\1/p" "$dir/$1.log"; }

(traced version version) >/dev/null
"$serf" certs ca -cluster order -out "$dir" >/dev/null
for name in idle other; do "$serf" certs node "$name" -cluster order -ca "$dir/ca.pem" -ca-key "$dir/ca.key" -out "$dir" >/dev/null; done
agent idle traced agent agent
pid_idle=${pids##* }
agent other "$serf" agent -join "$(address idle Bind)"
await "both members" sh -c "'$serf' members -rpc-addr '$(address idle RPC)' -status alive | grep -q other"
sleep 60
kill -TERM "$pid_idle"
wait "$pid_idle" || true

# Functions of the command itself, those of `version` first. A name ends in 'NUMBER where a function calls itself.
nm --defined-only "$serf" | awk '$2 ~ /[tTwW]/ { print $3 }' | LC_ALL=C sort -u >"$dir/defined"
for name in version agent; do
  sed -n "s/^fn=//p" "$dir/$name.trace" | sed "s/'[0-9]*\$//" | LC_ALL=C sort -u | LC_ALL=C comm -12 - "$dir/defined" >"$dir/$name.order"
  [ -s "$dir/$name.order" ]
done
LC_ALL=C comm -13 "$dir/version.order" "$dir/agent.order" | cat "$dir/version.order" - >"$order"
wc "$order"
# The build does not know that the linker reads the list. Without the command, it links again.
[ -n "${SERF:-}" ] || rm "$built"
