#!/bin/sh
# A public enum that gains a case must not break its users' switches: it has @nonexhaustive on the line before, or is named here with its reason.
set -eu
cd "$(dirname "$0")/.."
# MemberStatus: the numbers of the wire, which are fixed.
# Destination, SendPath: a StreamLayer has to handle every case, so a new one must not compile with an old layer.
# SerfSettings: a namespace, which has no cases.
closed=' MemberStatus Destination SendPath SerfSettings '
# shellcheck disable=SC2046  # file names here have no spaces
found=$(awk -v closed="$closed" '
  FNR == 1 { before = "" }
  /^[ ]*public (indirect )?enum / || /^[ ]*indirect public enum / {
    match($0, /enum [A-Za-z0-9_]+/)
    name = substr($0, RSTART + 5, RLENGTH - 5)
    if (before !~ /^[ ]*@nonexhaustive$/ && index(closed, " " name " ") == 0) print FILENAME ":" FNR ": " name
  }
  { before = $0 }' $(find Sources -name '*.swift' | sort))
if [ -n "$found" ]; then
  echo "public enums without @nonexhaustive on the line before (or a reason in Tests/enums.sh):" >&2
  echo "$found" >&2
  exit 1
fi
echo "enums: every public one may gain cases, or says why not"
