#!/usr/bin/env bash
# From a fresh Debian 12 machine to an answered question: installs packages, builds, fetches the default model, starts a
# node, asks it one question, and keeps serving until Ctrl-C.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: bash configs/quickstart.sh [--once QUESTION] [--http HOST:PORT] [--yes]

  --once QUESTION    print the answer and stop, leaving nothing running
  --http HOST:PORT   where the node serves (127.0.0.1:8080)
  --yes              install even where apt-get would remove another package
  --help             this text

Can be run again: what is installed, built or fetched stays. Exit codes: 0 done, 1 failed (the last line says why and what
to do), 2 wrong arguments, 130 interrupted.
TEXT
}

question="Why is the sky blue?"
once=no
http=127.0.0.1:8080
yes=no
while [ $# -gt 0 ]; do
  case $1 in
    --once) [ $# -ge 2 ] || { echo "error: --once needs a question" >&2; exit 2; }; once=yes; question=$2; shift ;;
    --http) [ $# -ge 2 ] || { echo "error: --http needs HOST:PORT" >&2; exit 2; }; http=$2; shift ;;
    --yes) yes=yes ;;
    --help | -h) usage; exit 0 ;;
    *) echo "error: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
step_count=5
node=
node_log=
cleanup() {
  [ -n "$node" ] && kill -TERM "$node" 2>/dev/null && wait "$node" 2>/dev/null
  rm -f "$setup_log" "$node_log"
}
trap cleanup EXIT
trap 'echo; echo "interrupted: run this again to continue where it stopped" >&2; exit 130' INT TERM

# Who listens on a TCP port of this machine: "PID (command)", or nothing.
holder_of_port() {
  local hex inode link
  hex=$(printf '%04X' "$1")
  inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }')
  [ -n "$inode" ] || return 0
  link=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | head -n 1)
  [ -n "$link" ] || { echo "another user's process"; return 0; }
  link=${link#/proc/}
  echo "process ${link%%/*} ($(tr '\0' ' ' <"/proc/${link%%/*}/cmdline" | cut -c1-60))"
}

port=${http##*:}
case $port in '' | *[!0-9]*) fail "--http '$http' has no port: it is HOST:PORT, as in 127.0.0.1:8080" ;; esac
holder=$(holder_of_port "$port")
[ -z "$holder" ] || fail "port $port is taken by $holder: stop it, or choose another with --http 127.0.0.1:$((port + 1))"
grep -qw avx2 /proc/cpuinfo || echo "note: this CPU has no AVX2; the scalar kernels will be used, which are slow"

step "installing packages (about 1 min)"
install_packages "$yes" "${packages_build[@]}"

step "building (about 5 min)"
build release conduit-node conduit -- -DCONDUIT_TESTS=OFF -DCONDUIT_BENCH=OFF

step "fetching the default model (93 MB)"
fetch_model

step "starting a node on http://$http"
node_log=$(mktemp "${TMPDIR:-/tmp}/conduit-node.XXXXXX")
build/bin/conduit-node --model "smollm2=$model_path" --http "$http" 2>"$node_log" &
node=$!
until grep -q ' ready ' "$node_log" && curl --silent --fail --output /dev/null "http://$http/ready"; do
  kill -0 "$node" 2>/dev/null || { node=; fail "the node stopped: $(tail -n 1 "$node_log")"; }
  sleep 0.05
done

step "asking: $question"
build/bin/conduit chat --url "http://$http" --model smollm2 --temperature 0.2 --max-tokens 300 "$question" || fail "the node did not answer; its last words: $(tail -n 1 "$node_log")"

if [ "$once" = yes ]; then exit 0; fi
cat <<TEXT

The node keeps serving; Ctrl-C stops it. Try, from another terminal:
  $root/build/bin/conduit chat --url http://$http
  curl http://$http/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{"model": "smollm2", "messages": [{"role": "user", "content": "Hello!"}]}'
TEXT
trap 'exit 0' INT TERM
wait "$node"
status=$?
node=
[ "$status" -eq 0 ] || fail "the node stopped: $(tail -n 1 "$node_log")"
