#!/usr/bin/env bash
# exports.sh BUILD PYTHON_LIB: what the libraries define for others equals exports.txt, symbol by symbol.
#
# Looks at libkevy.so, at libkevy.a (whose other symbols are made local, so that a program that links it
# keeps every name but kevy_... for itself) and at the CPython extension, which adds its init function.
# exports.txt is written by scripts/abi-baseline.
set -u
list=$(dirname "$0")/exports.txt
passed=0 failed=0

# compare NAME: the symbols on standard input against the list.
compare() {
  if diff -u --label "$list" --label "$1" "$list" <(grep -vE '^(_init|_fini|_edata|_end|__bss_start)$' | LC_ALL=C sort -u); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}
symbols() { nm -P --defined-only "$@" | awk 'NF > 1 { print $1 }'; }

compare libkevy.so < <(symbols -D "$1/libkevy.so")
compare libkevy.a < <(symbols -g "$1/libkevy.a")
for extension in "$2"/kevy/_kevy*.so; do
  compare "${extension##*/}" < <(symbols -D "$extension" | grep -vx PyInit__kevy)
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
