# Shared by the set-up scripts; sourced with `root` unset. Sets `root`, defines say, fail, as_root and
# private_apt.
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

# The mirror that this system gets its own release from, so that proxies and local mirrors are respected.
system_mirror() {
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v name="$codename" '($2 == name || $3 == name) && $4 == "main" { print $1; exit }'
}

# private_apt DIR deb|deb-src SUITE: from now on apt-get knows that release alone, with lists and caches in DIR: the
# system's apt does not learn of it, and no root is needed.
private_apt() {
  command -v apt-get >/dev/null 2>&1 || fail "not a Debian system: there is no apt-get"
  mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
  : >"$1/status"
  printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$2" "$(system_mirror)" "$3" >"$1/sources.list"
  cat >"$1/apt.conf" <<END
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$1/lists";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
END
  export APT_CONFIG="$1/apt.conf"
}
