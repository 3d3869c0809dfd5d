#!/bin/sh
# The documentation, as a check: docc builds it from the debug build and Sources/Serf/Serf.docc, and a link to a symbol or an article that does
# not exist fails it, as does every other warning. It takes seconds, because it reads the existing modules instead of building them again.
#
# The modules below Serf are documented as Serf's, because a user gets their types through `import Serf` or `import SerfTransport` and never sees the
# modules. SerfClient, the other library, is in the same archive: .build/docs/Serf.doccarchive.
set -eu
cd "$(dirname "$0")/.."
docs=.build/docs
archive=$docs/Serf.doccarchive

for target in Serf SerfClient; do swift build --quiet --enable-all-traits --target "$target"; done
modules=$(swift build --enable-all-traits --show-bin-path)/Modules
host=$(swiftc -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p')

# The C modules below them: those whose module map SwiftPM wrote, and those with their own.
set --
for map in "${modules%/*}"/*.build/module.modulemap .build/checkouts/*/Sources/*/include/module.modulemap; do
  set -- "$@" -I "${map%/*}"
done

# The ten lines are shown in two places, and compiled in a third.
example=Examples/Sources/TenLines/main.swift
for page in README.md Sources/Serf/Serf.docc/ten-lines.md; do
  awk '/^```/ { inside = 0 } inside { block = block $0 "\n" } /^```swift$/ { inside = 1; block = "" }
       /^```$/ && block ~ /^import Serf\n/ { printf "%s", block; exit }' "$page" | cmp -s - "$example" ||
    { echo "documentation: the program in $page is not $example; make them the same" >&2; exit 1; }
done

rm -rf "$docs/graphs" "$archive"
for module in SerfPrimitives SerfIdentity SerfCore SerfTransport Serf SerfClient; do
  mkdir -p "$docs/graphs/$module"
  swift symbolgraph-extract -module-name "$module" -target "$host" -I "$modules" "$@" -module-cache-path "$docs/cache" \
    -minimum-access-level public -skip-synthesized-members -output-dir "$docs/graphs/$module"
  [ "$module" = SerfClient ] || sed -i "s/\"module\":{\"name\":\"$module\"/\"module\":{\"name\":\"Serf\"/" "$docs/graphs/$module"/*.json
done

node Tests/undocumented.mjs "$docs/graphs"
node Tests/imported.mjs "$docs/graphs/Serf/Serf.symbols.json" Sources/Serf

if ! docc convert Sources/Serf/Serf.docc --additional-symbol-graph-dir "$docs/graphs" --output-dir "$archive" --warnings-as-errors; then
  echo "documentation: not built; docc names above each link that leads nowhere, and each other warning" >&2
  exit 1
fi
echo "documentation: every link leads somewhere; built $archive"
