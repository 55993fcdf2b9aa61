#!/bin/sh
# Installs the locked npm packages. Does nothing, and needs no network, when node_modules is what the lock file says.
set -eu
. "$(dirname "$0")/common.sh"
cd "$root"

command -v node >/dev/null 2>&1 || fail "npm: Node.js 20 or newer is needed, there is no 'node' on PATH"
command -v npm >/dev/null 2>&1 || fail "npm: there is no 'npm' on PATH"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "npm: Node.js 20 or newer is needed, this is $(node --version)"

# Content, not time stamps: a checkout touches package-lock.json without changing it.
stamp=node_modules/.wasmpool-lock
if ! cmp -s package-lock.json "$stamp"; then
  say "npm: installing the locked packages"
  npm ci --prefer-offline --no-progress --loglevel=error
  cp package-lock.json "$stamp"
fi

# bun's binary is put in place by its install script, which some machines do not let npm run.
if [ -f node_modules/bun/install.js ] && ! node_modules/.bin/bun --version >/dev/null 2>&1; then
  say "npm: putting the bun binary in place"
  (cd node_modules/bun && node install.js) || say "npm: no bun binary for this machine"
fi
