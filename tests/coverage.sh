#!/bin/sh
# Branches taken by the tests, by clang's source-based coverage: `coverage` builds with AXONPUSH_COVERAGE=ON and calls it.
#
#   coverage.sh BUILD_FOLDER                          runs everything anew
#   coverage.sh BUILD_FOLDER PROGRAMS [GTEST_FILTER]  runs anew only the programs named, as 'mqtt_test|mqtt_.*_fuzz'; what
#                                                     others counted stays, where they were not built anew since
#
# Runs the test programs, the fuzz targets over their corpora and the simulator, two at a time, adds their profiles up and
# prints every branch that was never taken with its reason from coverage_missing.txt, then the shares of the codecs, the
# machines and the whole library. Exit status 1 when a share is below what it has to be.
#
# A branch is one way out of a condition in the source, so each condition has two. It is taken when any program took it, in
# any instantiation of its template and any copy of its inline function: counted once, whoever compiled it. Conditions the
# compiler folds (`if constexpr`) are none, and neither are assertions, which this build leaves out; no other
# macro has one.
set -eu

build=$(cd "$1" && pwd)
only=${2:-.*}
GTEST_FILTER=${3:-*}
export GTEST_FILTER
source_folder=$(cd "$(dirname "$0")/.." && pwd)
profiles=$build/profiles
export source_folder profiles
cd "$build"  # a child whose environment a test chose leaves its profile where it stands
profdata=$(command -v llvm-profdata || command -v llvm-profdata-14)
cov=$(command -v llvm-cov || command -v llvm-cov-14)
[ $# -gt 1 ] || rm -rf "$profiles"
mkdir -p "$profiles"

# tidy, readme and interop run no code of the library, or only in a broker's company.
programs=$(find "$build/tests" "$build/fuzz" -type f \( -name '*_test' -o -name '*_fuzz' -o -name sim -o -name tls_heap \) -perm -100 |
  grep -v -E '/(tidy|readme|interop)_test$' | sort)

# %m: a program that runs many times over, as children of a test do, adds to the same file.
run_one='
  program=$1; name=$(basename "$program"); folder=$profiles/$name
  rm -rf "$folder"; mkdir -p "$folder"
  export LLVM_PROFILE_FILE="$folder/%m.profraw"
  case $name in
    *_fuzz) corpus=$source_folder/fuzz/corpus/$name; [ -d "$corpus" ] || exit 0; set -- "$corpus" ;;
    sim) set -- "--seeds 200" "--seeds 20 --tls" "--regress $source_folder/tests/sim/regress" "--sweep calls --stride 40" \
                "--sweep bytes --stride 80" "--sweep sequences --stride 2" ;;
    tls_heap) set -- "" ;;
    *) set -- --gtest_brief=1 ;;
  esac
  for arguments in "$@"; do
    # shellcheck disable=SC2086
    "$program" $arguments > "$folder/log" 2>&1 || { echo "$name $arguments:"; cat "$folder/log"; exit 1; }
  done
  touch "$folder/done"'
printf '%s\n' "$programs" | grep -E "/($only)\$" | xargs -n 1 -P 2 sh -c "$run_one" run_one

raw= objects=
for program in $programs; do
  folder=$profiles/$(basename "$program")
  if [ ! -e "$folder/done" ] || [ "$program" -nt "$folder/done" ]; then
    [ -d "$folder" ] && [ ! -e "$folder/done" ] || echo "not counted, for it was not run: $(basename "$program")"
    continue
  fi
  raw="$raw $folder"
  objects="$objects -object $program"
done
# shellcheck disable=SC2086
find $raw -name '*.profraw' > "$profiles/raw"
"$profdata" merge -sparse -f "$profiles/raw" -o "$profiles/all.profdata"
# shellcheck disable=SC2086
"$cov" show ${objects# -object} -instr-profile="$profiles/all.profdata" \
  -show-branches=count -show-instantiations=false -dump \
  > "$profiles/show" 2> "$profiles/warnings" || { cat "$profiles/warnings"; exit 1; }
# Hash 0 is a function that this program only saw the source of.
if grep 'hash-mismatch' "$profiles/warnings" | grep -v 'hash = 0x0$' > "$profiles/mismatched"; then
  echo "not counted, for programs differ in them: $(wc -l < "$profiles/mismatched") functions, see $profiles/mismatched"
fi

awk -v root="$source_folder/" -f "$source_folder/tests/coverage.awk" \
  "$source_folder/tests/coverage_missing.txt" "$profiles/show"
