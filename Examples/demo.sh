#!/bin/sh
# Three nodes on loopback, with certificates: they find each other, pass an event, notice a crash, and leave.
# Needs Debian 12 and Swift; installs the rest, leaves nothing behind. SERF=PATH takes a command that is built already.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n==> %s\n' "$*"; }
run() { printf '$ %s\n' "$*" | sed "s|$serf|serf|; s|$dir/||g"; "$@"; }

if [ -n "${SERF:-}" ]; then
  serf=$SERF
else
  say "Installing what is missing"
  sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev
  say "Building serf"
  swift build --product serf
  serf=$(swift build --show-bin-path)/serf
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

# await SECONDS WHAT COMMAND...: repeats the command until it succeeds.
await() {
  limit=$(($1 * 5)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    limit=$((limit - 1))
    [ $limit -gt 0 ] || { echo "timed out waiting for: $what" >&2; exit 1; }
    sleep 0.2
  done
  echo "ok: $what"
}

# start NAME [JOIN]: an agent on ports that the kernel chooses; its banner names them.
start() {
  name=$1
  shift
  "$serf" agent -node "$name" -bind 127.0.0.1:0 -rpc-addr 127.0.0.1:0 -profile local -cluster demo \
    -tls-ca "$dir/ca.pem" -tls-cert "$dir/$name.pem" -tls-key "$dir/$name.key" "$@" >"$dir/$name.log" 2>&1 &
  eval "pid_$name=$!"
  pids="$pids $!"
  await 20 "agent $name runs" grep -q 'Serf agent running' "$dir/$name.log"
  eval "rpc_$name=$(sed -n "s/.*RPC addr: '\(.*\)'.*/\1/p" "$dir/$name.log")"
  eval "bind_$name=$(sed -n "s/.*Bind addr: '\(.*\)'.*/\1/p" "$dir/$name.log")"
}
status_at() { "$serf" members -rpc-addr "$1" -name "$2" -status "$3" | grep -q "$2"; }
saw_event() { grep -q 'Name: "deploy"' "$dir/$1.events"; }

say "A certificate authority and three node certificates"
run "$serf" certs ca -cluster demo -out "$dir"
for name in one two three; do run "$serf" certs node "$name" -cluster demo -ca "$dir/ca.pem" -ca-key "$dir/ca.key" -out "$dir"; done

say "Three agents; two and three join one"
start one -tag role=web
start two -tag role=db -join "$bind_one"
start three -join "$bind_one"
for rpc in "$rpc_one" "$rpc_two" "$rpc_three"; do
  for name in one two three; do await 20 "$name is alive at $rpc" status_at "$rpc" "$name" alive; done
done
run "$serf" members -rpc-addr "$rpc_three"

say "An event, sent at one and seen at all three"
for name in one two three; do
  eval "rpc=\$rpc_$name"
  "$serf" monitor -rpc-addr "$rpc" >"$dir/$name.events" 2>&1 &
  pids="$pids $!"
done
for name in one two three; do await 10 "monitor listens at $name" test -s "$dir/$name.events"; done
run "$serf" event -rpc-addr "$rpc_one" deploy v1.2.3
for name in one two three; do await 20 "$name saw the event" saw_event "$name"; done

say "Killing three: the others notice"
kill -KILL "$pid_three"
await 60 "three is failed at one" status_at "$rpc_one" three failed
run "$serf" members -rpc-addr "$rpc_one"

say "Two leaves: one is told"
run "$serf" leave -rpc-addr "$rpc_two"
await 20 "two has left at one" status_at "$rpc_one" two left
run "$serf" members -rpc-addr "$rpc_one"
wait "$pid_two" || { echo "agent two exited with $? after leaving" >&2; exit 1; }

say "Done: one alive, one failed, one left"
