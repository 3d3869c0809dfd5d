#!/bin/sh
# A registry of services on four nodes over QUIC: three that find each other, one that comes late, and one that is killed and comes back by itself.
# Needs Debian 12 and Swift; installs the rest, leaves nothing behind. TOYCONSUL=PATH takes a command that is built already.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n==> %s\n' "$*"; }
run() { printf '$ toyconsul %s\n' "$*"; "$toyconsul" "$@"; }

if [ -n "${TOYCONSUL:-}" ]; then
  toyconsul=$TOYCONSUL
else
  say "Installing what is missing"
  sh Tests/install.sh libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libzstd-dev
  say "Building toyconsul"
  swift build --package-path Examples --scratch-path .build/examples --product toyconsul
  toyconsul=$(swift build --package-path Examples --scratch-path .build/examples --show-bin-path)/toyconsul
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
cd "$dir"

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

# start NAME ADDRESS: an agent. Of port 0 the kernel makes one that is free; the agent's log names it.
start() {
  "$toyconsul" start "$1" "$2" >"$1.log" 2>&1 &
  eval "pid_$1=$!"
  pids="$pids $!"
  await 20 "agent $1 runs" grep -q " $1 is at " "$1.log"
  eval "address_$1=$(sed -n "s/.* $1 is at //p" "$1.log")"
}
# lists NAME LINES: whether this node lists these services and no more.
lists() { [ "$("$toyconsul" list "$1")" = "$2" ]; }
all_list() {
  for name in $1; do await 20 "$name lists them" lists "$name" "$2"; done
}

say "Certificates, and three agents; two and three join one"
run certs one two three four
for name in one two three; do start $name 127.0.0.1:0; done
for name in two three; do run join $name "$address_one"; done

say "Services at two of them: all three list the same"
run register one web 10.0.0.1:80
run register two db 10.0.0.2:5432
run register two cache 10.0.0.2:6379
services='web 10.0.0.1:80 at one alive
cache 10.0.0.2:6379 at two alive
db 10.0.0.2:5432 at two alive'
all_list "one two three" "$services"
run list three

say "A fourth joins three, late: it lists them too"
start four 127.0.0.1:0
run join four "$address_three"
all_list four "$services"

say "One service less, at all four"
run deregister two cache
services='web 10.0.0.1:80 at one alive
db 10.0.0.2:5432 at two alive'
all_list "one two three four" "$services"

say "Two is killed: the others list its service as that of a failed member"
kill -KILL "$pid_two"
all_list "one three four" "${services%alive}failed"
run list one

say "Two is started again, and told nothing: its snapshot knows the others, and they know its service"
start two "$address_two"
all_list "one two three four" "$services"
run list two

say "Two leaves, and its service with it"
kill -TERM "$pid_two"
all_list "one three four" "web 10.0.0.1:80 at one alive"
wait "$pid_two" || { echo "agent two exited with $? after leaving" >&2; exit 1; }

say "Done: a late joiner and a restarted node list what all list"
