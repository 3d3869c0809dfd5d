#!/bin/sh
# The pure targets import each other and the C shims, nothing else: no Foundation, no NIO, no logger, no clock.
# SerfIdentity is not pure, because it reads files and the calendar, but it uses only libc for that.
set -eu
cd "$(dirname "$0")/.."
status=0
check() {
  target=$1
  allowed=$2
  found=$(grep -rnE '^[[:space:]]*(@[A-Za-z_]+(\([^)]*\))?[[:space:]]+)*((package|public|internal|private|fileprivate)[[:space:]]+)?import[[:space:]]' \
    "Sources/$target" --include='*.swift' | grep -vE "import[[:space:]]+((struct|class|enum|func|protocol|typealias)[[:space:]]+)?($allowed)([.[:space:]]|\$)" || true)
  if [ -n "$found" ]; then
    echo "impure import in $target (allowed: $allowed):" >&2
    echo "$found" >&2
    status=1
  fi
}
check SerfPrimitives 'Swift'
check SerfWire 'SerfPrimitives'
check Memberlist 'SerfWire|SerfPrimitives'
check SerfCore 'Memberlist|SerfWire|SerfPrimitives'
check SerfIdentity 'CGnuTLS|SerfPrimitives|Glibc|Musl'
check SerfQUIC 'CNgtcp2|CGnuTLS|SerfIdentity|SerfWire|SerfPrimitives'
[ $status -eq 0 ] && echo "purity: SerfPrimitives, SerfWire, Memberlist, SerfCore, SerfIdentity and SerfQUIC import nothing that they must not"
exit $status
