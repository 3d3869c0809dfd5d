#!/bin/sh
# Compiles the pure targets as Embedded Swift for wasm32, links a two-node exchange against them and runs it under node.
# The exchange is in Tests/Embedded: TwoNodes.swift (the program), runtime.c (the few libc symbols that bare wasm lacks), run.mjs (the host).
set -eu
cd "$(dirname "$0")/.."
out=.build/embedded
mkdir -p "$out"
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")
compile() {
  module=$1
  shift
  swiftc -target wasm32-unknown-none-wasm -enable-experimental-feature Embedded -enable-experimental-feature Lifetimes \
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility \
    -swift-version 6 -package-name swift_serf -wmo -parse-as-library -Osize -I "$out" -module-name "$module" \
    -emit-module -emit-module-path "$out/$module.swiftmodule" -c "$@" -o "$out/$module.o"
  echo "embedded: $module compiles"
}
for target in SerfPrimitives SerfWire Memberlist SerfCore; do
  # shellcheck disable=SC2046  # file names here have no spaces
  compile "$target" $(find "Sources/$target" -name '*.swift' | sort)
done
compile TwoNodes Tests/Embedded/TwoNodes.swift
"$toolchain/bin/clang" --target=wasm32-unknown-none-wasm -ffreestanding -O2 -c Tests/Embedded/runtime.c -o "$out/runtime.o"
"$toolchain/bin/wasm-ld" --no-entry --export=run_two_nodes --gc-sections --strip-all -z stack-size=262144 \
  "$out"/*.o "$toolchain/lib/swift/embedded/wasm32-unknown-none-wasm/libswiftUnicodeDataTables.a" -o "$out/two-nodes.wasm"
node Tests/Embedded/run.mjs "$out/two-nodes.wasm"
