#!/bin/sh
# Installs the locked npm packages: of the package, of tests/smoke, and of the directories that are named.
# Does nothing, and needs no network, when node_modules is what the lock file says.
set -eu
. "$(dirname "$0")/common.sh"
cd "$root"

command -v node >/dev/null 2>&1 || fail "npm: Node.js 20 or newer is needed, there is no 'node' on PATH"
command -v npm >/dev/null 2>&1 || fail "npm: there is no 'npm' on PATH"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "npm: Node.js 20 or newer is needed, this is $(node --version)"

# install DIR: content, not time stamps: a checkout touches package-lock.json without changing it.
install() {
  stamp=$1/node_modules/.wasmpool-lock
  cmp -s "$1/package-lock.json" "$stamp" && return
  say "npm: installing the locked packages of $1"
  (cd "$1" && npm ci --prefer-offline --no-progress --loglevel=error)
  cp "$1/package-lock.json" "$stamp"
}

for directory in . tests/smoke "$@"; do
  install "$directory"
done

# bun's binary is put in place by its install script, which some machines do not let npm run.
bun=tests/smoke/node_modules
if [ -f "$bun/bun/install.js" ] && ! "$bun/.bin/bun" --version >/dev/null 2>&1; then
  say "npm: putting the bun binary in place"
  (cd "$bun/bun" && node install.js) || say "npm: no bun binary for this machine"
fi
