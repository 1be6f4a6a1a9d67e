# lib.sh: what the scripts share; sourced, from the repository's root.
#
# A suite runs each of its programs through `run LABEL COMMAND...`, which shows the output as it
# comes, keeps it in LOGS, and notes the program's own summary line; its last line is `finish`,
# which fails when one of them failed. Suites may run side by side: what they build in common is built by one at a time.

set -o pipefail
BUILD=build
LOGS=${LOGS:-$BUILD/logs}
JOBS=${JOBS:-$(nproc)}
FAILED=0
export SEED=${SEED:-1}

say() { printf 'kevy: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

# The interpreter that .venv is made with: Debian's own where there is one.
: "${PYTHON:=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)}"

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# The virtual environment of an interpreter, by its version as scripts/interpreters prints it.
venv_of() {
  if [ "$1" = "$(version_of "$PYTHON")" ]; then echo .venv; else echo "$BUILD/venv-$1"; fi
}

# Debian ships CPython's own tests in a package that carries the version in its name.
testsuite_package() { echo "libpython$(version_of "$PYTHON")-testsuite"; }

# The last line that looks like a runner's summary: "N passed, N failed", pytest's, ctest's, libFuzzer's ...
summary_of() {
  grep -E '[0-9]+ passed|tests (passed|failed)|^stat::number_of_executed|^Success: |^ABI: ' "$1" | tail -n 1 | tr -d '='
}

# The lines of a failed program's output that say what is wrong, else its last ones: few and short, for the end of a long run.
complaints_of() {
  { grep -aE '^(E  |FAILED |ERROR |FAIL)|\*\*\*(Failed|Exception|Timeout)|[Ee]rror:|: failed:|^not ok|SUMMARY: |^[^ ]+\.(c|lua|py|txt):[0-9]+' "$1" || tail -n 6 "$1"; } |
    head -n 8 | cut -c 1-160
}

# run LABEL COMMAND...: fails as the command does.
run() {
  local label=$1 log line code=0
  shift
  mkdir -p "$LOGS"
  log=$LOGS/$(printf %s "$label" | tr -c 'A-Za-z0-9.+' -).log
  printf '\n-- %s\n' "$label"
  "$@" 2>&1 | tee "$log" || code=1 FAILED=1
  line=$(printf '  %-30s %s%s' "$label" "$([ $code = 0 ] || echo 'FAILED ')" "$(summary_of "$log")")
  echo "$line" >>"$LOGS/summary"
  { echo "$line" >&3; } 2>/dev/null # where scripts/test shows how far it is
  [ $code = 0 ] || { printf '\n-- FAILED: %s\n' "$label"; complaints_of "$log"; } >>"$LOGS/failures"
  return $code
}

finish() { exit "$FAILED"; }

# Where the building of a directory is logged; both are made.
build_log() { # DIRECTORY
  mkdir -p "$1" "$LOGS"
  echo "$LOGS/build-${1//\//-}.log"
}

# cmake_build DIRECTORY [-DOPTION...]: configures and builds TARGET (all) there; quiet when it works.
cmake_build() {
  local dir=$1 log
  shift
  log=$(build_log "$dir")
  {
    flock 9 && cmake -S . -B "$dir" "$@" && cmake --build "$dir" -j "$JOBS" --target "${TARGET:-all}"
  } >"$log" 2>&1 9>"$dir/lock" || { cat "$log"; return 1; }
  awk -v dir="$dir" '/Building C object/ { n++ } END { print n + 0, "files compiled in", dir }' "$log"
}

# What the suites build with: warnings are errors, no door may be missing.
STRICT="-DKEVY_TESTS=ON -DKEVY_WERROR=ON -DKEVY_ALL_DOORS=ON"

# At -O1: half the time to compile.
SANITIZED="-DCMAKE_C_COMPILER=gcc -DKEVY_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_C_FLAGS=-O1 -DCMAKE_C_FLAGS_SANITIZE=-g1"
THREADED=${SANITIZED/address,undefined/thread}

# pytest_without NAME...: pytest's options that leave out files of tests/python.
pytest_without() { printf -- '--ignore=tests/python/test_%s.py ' "$@"; }

# Takes away the modules of a built package whose sources are gone.
forget_modules() { # DIRECTORY
  local module
  for module in $(cd "$1" 2>/dev/null && find kevy -name '*.py*' -not -path '*/__pycache__/*'); do
    [ -e "python/$module" ] || rm "$1/$module"
  done
}

# The engine's object that cmake_build left in a directory: with it as KEVY_ENGINE build_python need not compile that again.
engine_of() { echo "$PWD/$1/CMakeFiles/kevy_engine.dir/bindings/amalgam.c.o"; }

# build_python VENV [DIRECTORY]: builds the extension for VENV's interpreter in DIRECTORY. Without one it
# goes where VENV finds it. The interpreter's headers count as system headers, so that the warnings are
# about our code.
build_python() {
  local python=$1/bin/python base=${2:-$BUILD/python-$(version_of "$1/bin/python")} headers path log
  headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
  log=$(build_log "$base")
  {
    flock 9 && forget_modules "$base/lib" &&
      CFLAGS="-isystem $headers -Wall -Wextra -Wshadow -Wconversion -Werror ${CFLAGS:-}" \
        "$python" setup.py -q build --build-base "$base" --build-lib "$base/lib"
  } >"$log" 2>&1 9>"$base/lock" || { cat "$log"; return 1; }
  if [ $# = 1 ]; then
    path=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/kevy.pth
    echo "$PWD/$base/lib" | cmp -s - "$path" || echo "$PWD/$base/lib" >"$path"
  fi
}

# The extension for .venv, around the engine of BUILD, which cmake_build has compiled.
build_extension() { KEVY_ENGINE=$(engine_of "$BUILD") build_python .venv; }

# lua_env DIRECTORY LUA COMMAND...: runs a command with the module of one Lua (lua54, luajit) on its path.
lua_env() {
  local dir=$PWD/$1 lua=$2
  shift 2
  env KEVY_LIB="$dir/libkevy.so" LUA_PATH="$PWD/lua/?.lua;$PWD/tests/lua/?.lua;;" \
    LUA_CPATH="$dir/$lua/?.so;;" "$@"
}
