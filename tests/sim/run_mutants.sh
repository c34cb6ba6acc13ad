#!/bin/sh
# Plants the bugs of tests/sim/mutants, one at a time, into a copy of the tree, and counts how many short seeds the
# simulator needs to find each. The shipped code carries none of them.
#
#   run_mutants.sh [-b FOLDER] [-s SEEDS] [-j JOBS] [NAME...]     without a name: all of them
#
# FOLDER (build-mutants) holds the copy and its build and is kept, so a second run is quick. Prints a table: mutant,
# seeds needed, what caught it. Exit status: 0 when all were caught, 1 when one survived, 2 when the unchanged tree does
# not build or fails, or when a patch does not apply or does not compile.
set -u

source_folder=$(cd "$(dirname "$0")/../.." && pwd)
work_folder=$source_folder/build-mutants
seeds=1000
jobs=2
step=50

usage() {
  sed -n '5p' "$0" | cut -c3- >&2
  exit 2
}
while getopts b:s:j: option; do
  case $option in
    b) work_folder=$OPTARG ;;
    s) seeds=$OPTARG ;;
    j) jobs=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))

mkdir -p "$work_folder/tree" || exit 2
work_folder=$(cd "$work_folder" && pwd)
tree=$work_folder/tree
build=$work_folder/build
log=$work_folder/log

# Files keep their times, so that only what a patch touches is compiled again.
copy_tree() {
  for part in include src tests bench fuzz; do
    mkdir -p "$tree/$part"
    (cd "$source_folder" && find "$part" -type d) | while read -r folder; do mkdir -p "$tree/$folder"; done
    (cd "$source_folder" && find "$part" -type f) | while read -r file; do
      cmp -s "$source_folder/$file" "$tree/$file" || cp "$source_folder/$file" "$tree/$file"
    done
    (cd "$tree" && find "$part" -type f) | while read -r file; do
      [ -e "$source_folder/$file" ] || rm "$tree/$file"
    done
  done
  cmp -s "$source_folder/CMakeLists.txt" "$tree/CMakeLists.txt" || cp "$source_folder/CMakeLists.txt" "$tree/CMakeLists.txt"
}

build_sim() {
  cmake --build "$build" --target sim -j "$jobs" > "$log" 2>&1
}

# Runs the seeds in steps, so that a mutant caught early costs little. Prints "SEED WHAT" when something was caught.
hunt() {
  first=1
  while [ "$first" -le "$seeds" ]; do
    left=$((seeds - first + 1))
    [ "$left" -gt "$step" ] && left=$step
    timeout 120 "$build/tests/sim" --first "$first" --seeds "$left" --no-shrink > "$log" 2>&1
    status=$?
    if [ "$status" -ne 0 ]; then
      found=$(sed -n 's/^seed \([0-9]*\) broke \(I-[0-9]*\) after .*/\1 \2/p' "$log" | head -n 1)
      [ -n "$found" ] || found=$(sed -n 's/^the program crashed while it ran sim --replay \([0-9]*\).*/\1 assertion/p' "$log" | head -n 1)
      [ -n "$found" ] || [ "$status" -ne 124 ] || found="$first..$((first + left - 1)) no-end"
      echo "${found:-$first..$((first + left - 1)) status-$status}"
      return
    fi
    first=$((first + left))
  done
}

copy_tree
generator=
command -v ninja > /dev/null && generator="-G Ninja"
launcher=
command -v ccache > /dev/null && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache
# shellcheck disable=SC2086
if ! cmake -S "$tree" -B "$build" $generator $launcher -DCMAKE_BUILD_TYPE=Release -DAXONPUSH_BUILD_BENCH=OFF \
  -DAXONPUSH_BUILD_TOOL=OFF > "$log" 2>&1 || ! build_sim; then
  cat "$log" >&2
  echo "the unchanged tree does not build" >&2
  exit 2
fi
found=$(hunt)
if [ -n "$found" ]; then
  cat "$log" >&2
  echo "the unchanged tree fails: seed $found" >&2
  exit 2
fi

[ $# -ne 0 ] || set -- $(cd "$source_folder/tests/sim/mutants" && ls | sed -n 's/\.patch$//p')
survived=0
unusable=0
caught=0
printf '%-36s %-10s %s\n' mutant seeds "caught by"
for name in "$@"; do
  patch_file=$source_folder/tests/sim/mutants/$name.patch
  touched=$(sed -n 's|^+++ b/||p' "$patch_file")
  if [ -z "$touched" ] || ! (cd "$tree" && patch -s -p1 --no-backup-if-mismatch -r - < "$patch_file") > "$log" 2>&1; then
    printf '%-36s %-10s %s\n' "$name" - "DOES NOT APPLY"
    unusable=$((unusable + 1))
  elif ! build_sim; then
    printf '%-36s %-10s %s\n' "$name" - "DOES NOT COMPILE"
    grep -m 3 error: "$log" >&2
    unusable=$((unusable + 1))
  else
    found=$(hunt)
    if [ -n "$found" ]; then
      printf '%-36s %-10s %s\n' "$name" "${found%% *}" "${found#* }"
      caught=$((caught + 1))
    else
      printf '%-36s %-10s %s\n' "$name" "> $seeds" "SURVIVED"
      survived=$((survived + 1))
    fi
  fi
  for file in $touched; do cp "$source_folder/$file" "$tree/$file"; done
done
echo "$caught caught, $survived survived, $unusable unusable"
[ "$unusable" -eq 0 ] || exit 2
[ "$survived" -eq 0 ]
