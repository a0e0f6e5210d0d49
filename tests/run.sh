#!/usr/bin/env bash
# From a fresh Debian 12 machine to every test run: installs packages, builds, fetches the default model, runs ctest.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: bash tests/run.sh [--sanitize asan-ubsan|tsan] [--fuzz SECONDS] [--slow] [--yes]

  (nothing)          release build and every test but the slow ones
  --sanitize PRESET  the tests under sanitizers instead: asan-ubsan, or tsan (the parts that use threads)
  --fuzz SECONDS     each fuzz target for so long instead
  --slow             the tests labelled slow too
  --yes              install even where apt-get would remove another package
  --help             this text

Reference data of a larger kind is read from $CONDUIT_SHARED_DIR (default: ../shared) where it exists; a test that misses it
is skipped and says so. Exit codes: 0 passed, 1 failed, 2 wrong arguments, 130 interrupted.
TEXT
}

preset=release
fuzz=
slow=no
yes=no
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize)
      case ${2:-} in
        asan-ubsan | tsan) preset=$2 ;;
        *) echo "error: --sanitize takes asan-ubsan or tsan, not '${2:-}'" >&2; exit 2 ;;
      esac
      shift ;;
    --fuzz)
      case ${2:-} in
        '' | *[!0-9]*) echo "error: --fuzz takes whole seconds, not '${2:-}'" >&2; exit 2 ;;
        *) preset=fuzz; fuzz=$2 ;;
      esac
      shift ;;
    --slow) slow=yes ;;
    --yes) yes=yes ;;
    --help | -h) usage; exit 0 ;;
    *) echo "error: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

. "$(dirname "${BASH_SOURCE[0]}")/../configs/setup.sh"
trap 'rm -f "$setup_log"' EXIT
trap 'echo; echo "interrupted: run this again to continue where it stopped" >&2; exit 130' INT TERM
step_count=4

declare -A minutes=([release]=8 [asan-ubsan]=14 [tsan]=7 [fuzz]=4)
folder=build
[ "$preset" = release ] || folder=build/$preset
packages=("${packages_build[@]}" "${packages_test[@]}")
options=(-DCONDUIT_TESTS=ON)
[ "$preset" = release ] && options+=(-DCONDUIT_BENCH=ON)
if [ -n "$fuzz" ]; then
  packages+=("${packages_fuzz[@]}")
  options=("-DCONDUIT_FUZZ_SECONDS=$fuzz")
fi

step "installing packages (about 2 min)"
install_packages "$yes" "${packages[@]}"

step "fetching the default model (93 MB)"
fetch_model
export CONDUIT_TEST_MODEL=$model_path

step "building: $preset (about ${minutes[$preset]} min on two cores)"
build "$preset" -- "${options[@]}"

step "testing: $preset"
arguments=(--test-dir "$folder" --output-on-failure --no-tests=error)
[ "$slow" = yes ] || arguments+=(-LE slow)
ctest "${arguments[@]}"
