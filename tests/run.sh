#!/usr/bin/env bash
# Installs what is missing, builds a release into build/ and runs every test. Arguments go to ctest: -L unit, -R stats.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. etc/setup.sh

need_packages "to build and test nsqd" "${build_packages[@]}" python3-venv openssl util-linux
build build "" -DCMAKE_BUILD_TYPE=Release
say "Running the tests"
exec ctest --test-dir build --output-on-failure -j2 "$@"
