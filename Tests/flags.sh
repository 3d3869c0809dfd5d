#!/bin/sh
# Texts of the library name settings (Sources/SerfPrimitives/SettingName.swift), and never a flag: only the command has flags, and it translates.
set -eu
cd "$(dirname "$0")/.."
libraries="SerfPrimitives SerfWire Memberlist SerfCore SerfIdentity SerfQUIC SerfTransport Serf SerfClient"
# Behind the file's name and the line's number: no comment, and something that looks like a flag. 'openssl' has flags of its own.
found=$(for library in $libraries; do grep -rn '' "Sources/$library" --include='*.swift'; done |
  sed 's#^\([^:]*:[0-9]*:\)\(.*\)//.*#\1\2#' | grep -E '^[^:]*:[0-9]*:.*[^-[:alnum:]]--?[a-z][a-z-]+' | grep -v "'openssl " || true)
if [ -n "$found" ]; then
  echo "flags in texts of the library:" >&2
  echo "$found" >&2
  exit 1
fi
echo "flags: the library names none"
