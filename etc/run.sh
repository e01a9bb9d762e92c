#!/usr/bin/env bash
# Installs what is missing, builds a release into build/ and runs nsqd in the foreground with the options given.
set -eu
start=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
. etc/setup.sh

need_packages "to build and run nsqd" "${build_packages[@]}"
build build nsqd_and_plugins -DCMAKE_BUILD_TYPE=Release

# Without a data directory of the user's choice: one that goes with the build.
data=(--data-path="$top/build/data")
for argument in "$@"; do
    case $argument in
        -data-path | --data-path | -data-path=* | --data-path=* | -config | --config | -config=* | --config=*) data=() ;;
    esac
done
[ ${#data[@]} -eq 0 ] || mkdir -p "$top/build/data"

# Relative paths in the options are the caller's.
cd "$start"
exec "$top/build/bin/nsqd" --print-addresses "${data[@]}" "$@"
