# Shared by the set-up scripts; sourced with `root` unset. Sets `root`, defines say, fail and as_root.
# shellcheck shell=sh
root=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '%s\n' "$*"; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Runs a command that needs root: directly when we are root, else through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    fail "needs root or sudo for: $*"
  fi
}
