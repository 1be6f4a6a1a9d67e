#!/usr/bin/env bash
# baseline.sh BUILD [write]: the types and functions of libkevy.so against baseline.abi, by libabigail.
#
# Only what kevy.h declares counts; the engine's own types are private. Every difference fails, an
# addition too: scripts/abi-baseline takes additions in, so that from then on they are kept as well.
set -eu
here=$(dirname "$0")
headers=$1/abi-headers
mkdir -p "$headers"
cp bindings/kevy.h core/kevy_types.h "$headers"

if [ "${2:-}" = write ]; then
  abidw --drop-private-types --headers-dir "$headers" --no-show-locs --no-comp-dir-path \
    --no-corpus-path "$1/libkevy.so" | sed "s|path=.[^']*/bindings/|path='bindings/|" >"$here/baseline.abi"
  exit
fi
if abidiff --drop-private-types --headers-dir2 "$headers" "$here/baseline.abi" "$1/libkevy.so"; then
  echo "ABI: $(grep -c '<elf-symbol ' "$here/baseline.abi") symbols as in the baseline"
else
  echo "ABI: differs from the baseline"
  exit 1
fi
