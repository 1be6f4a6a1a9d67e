# kevy's front door. Every target is a line here and a script behind it; `make` alone prints the menu.

.PHONY: list setup build demo test bench gen fuzz asan soak abi-baseline clean

## list: print this menu
list:
	@sed -n 's/^## \([^:]*\): \(.*\)/  \1\t\2/p' Makefile | expand -t 22

## demo: index the Python standard library's source and query it, from Python and from Lua
demo:
	@scripts/setup demo
	@scripts/demo

## build: libkevy.so, libkevy.a and the Lua modules in build/, the extension for .venv's Python
build:
	@scripts/setup demo
	@scripts/build

## test: every suite (about 20 minutes on two cores)
test:
	@scripts/setup test
	@scripts/test

## test-NAME: one suite, or one door of it; the names are those of scripts/suites
test-%:
	@scripts/setup test
	@scripts/test $*

## asan: the C, Python and Lua tests under AddressSanitizer and UBSan
asan: test-sanitize

## fuzz: every fuzzer for EACH seconds (default 600), from the committed corpora
fuzz:
	@scripts/setup fuzz
	@EACH=$(or $(EACH),600) SEED=$(or $(SEED),$$(date +%s)) scripts/test fuzz

## soak: the long versions of the random tests, for EACH seconds each (default 3600)
soak:
	@scripts/setup test
	@EACH=$(or $(EACH),3600) SEED=$(or $(SEED),$$(date +%s)) scripts/test soak fuzz

## bench: kevy beside its peers, paired in one run: one table of ratios; BENCH=... is for bench/run
bench:
	@scripts/setup bench
	@python3 bench/run $(BENCH)

## gen: rewrite the generated faces: stubs, prototypes, cdefs, reference
gen:
	@python3 bindings/gen.py

## abi-baseline: take the library's present symbols and types as the ABI to keep
abi-baseline:
	@scripts/setup test
	@scripts/abi-baseline

## clean: forget everything that was built or installed here
clean:
	rm -rf build .venv dist python/kevy.egg-info
