# Sourced by etc/run.sh, tests/run.sh and .ci/run: what the machine needs, and how the tree is built.
# The caller has set -eu and is in the tree's top folder. Everything said here goes to standard error.

# What building and running takes (Debian 12).
build_packages=(g++ cmake ninja-build libpoco-dev libboost1.81-dev libspdlog-dev catch2 libtomlplusplus-dev
    libssl-dev libre2-dev libsnappy-dev zlib1g-dev libc-ares-dev openssl python3 curl)

say() { printf '%s\n' "$*" >&2; }

# as_root command...: runs it as root; fails when that is not possible without a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo && sudo -n true; } >/dev/null 2>&1
}

# need_packages why package...: installs those that are missing, or says how and exits.
need_packages() {
    local why=$1 package missing=()
    shift
    if ! command -v dpkg-query >/dev/null; then
        say "This is not a Debian system. Needed $why, under Debian's names: $*"
        exit 1
    fi
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! can_be_root; then
        say "Missing, and needed $why. As root, run: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
        exit 1
    fi
    say "Installing with apt, as needed $why: ${missing[*]}"
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}

# build folder "targets or nothing for all" [cmake options...]: configures if that was not done yet, and builds.
build() {
    local folder=$1 targets=$2
    shift 2
    if [ ! -f "$folder/build.ninja" ]; then
        say "Configuring $folder"
        cmake -S . -B "$folder" -G Ninja "$@" >&2
    fi
    # Word splitting is meant: one target a word.
    # shellcheck disable=SC2086
    cmake --build "$folder" ${targets:+--target $targets} >&2
}
