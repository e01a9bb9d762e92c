#!/usr/bin/env bash
# Builds the fuzzers and runs each of them for a minute, or as many seconds as the first argument says, two at a time;
# further arguments are the names of those to run. Inputs that break something are kept in build-fuzz/findings/.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. etc/setup.sh

need_packages "to fuzz nsqd" "${build_packages[@]}" clang libclang-rt-14-dev
build build-fuzz fuzzers -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++ -DFUZZ=ON

export seconds=${1:-60}
shift $(($# > 0))
[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)

# What fuzzers write into files is best written into memory.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm

fuzz() {
    local corpus=build-fuzz/corpus/$1 log=build-fuzz/fuzz_$1.log
    mkdir -p "$corpus" build-fuzz/findings
    if build-fuzz/bin/fuzz_"$1" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/findings/$1-" "$corpus" tests/fuzz/corpus/"$1" >"$log" 2>&1; then
        say "fuzz_$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, nothing found"
    else
        grep -v '^#[0-9]' "$log" | tail -n 50 >&2
        say "fuzz_$1 found something: $log"
        return 1
    fi
}
export -f fuzz say
say "Fuzzing for $seconds s each: $*"
printf '%s\n' "$@" | xargs -P 2 -I{} bash -euc 'fuzz {}'
