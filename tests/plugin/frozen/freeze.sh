#!/usr/bin/env bash
# Keeps the present SDK as the frozen copy of its version: freeze.sh, from anywhere. The version must not have been
# released yet; a released one's copy never changes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sdk=$here/../../../sdk
number() { sed -n "s/.* kSdk$1 = \([0-9]*\);/\1/p" "$sdk/include/nsq/sdk/version.h"; }
copy=$here/$(number Major).$(number Minor)
rm -rf "$copy"
mkdir -p "$copy/include/nsq/sdk" "$copy/src"
cp "$sdk"/include/nsq/sdk/*.h "$copy/include/nsq/sdk/"
cp "$sdk"/src/*.{cpp,h} "$copy/src/"
echo "kept as $copy"
