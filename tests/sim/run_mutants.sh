#!/bin/sh
# Plants the bugs of tests/sim/mutants, one at a time, into a copy of the tree, and looks for each with whoever should
# find it. The shipped code carries none of them.
#
#   run_mutants.sh [-b FOLDER] [-s SEEDS] [-j JOBS] [NAME...]     without a name: all of them
#
# A patch begins with a line that says what it breaks. Two more may follow:
#   # Hunt: --year --seeds 1                       these seeds of the simulator, in place of SEEDS (1000) short ones
#   # Hunter: net_test --gtest_filter=Suite.Name   a test, for what is not in the simulator's world (TLS, threads)
#
# FOLDER (build-mutants) holds the copy and its build and is kept, so a second run is quick: what the unchanged tree has
# passed it is not asked again. Prints a table: mutant, first seed that found it, what caught it. Exit status: 0 when all
# were caught, 1 when one survived, 2 when the unchanged tree does not build or fails, or when a patch does not apply or
# does not compile.
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
mutants=$source_folder/tests/sim/mutants
tree=$work_folder/tree
build=$work_folder/build
log=$work_folder/log
passed=$work_folder/passed
saved=$work_folder/saved

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

# What a mutant is looked for with: "sim", "sim ARGUMENTS" or "TEST_PROGRAM ARGUMENTS".
hunter_of() {
  found=$(sed -n '/^---/q; s/^# Hunter: //p' "$mutants/$1.patch")
  [ -n "$found" ] || found="sim $(sed -n '/^---/q; s/^# Hunt: //p' "$mutants/$1.patch")"
  echo "$found" | sed 's/ *$//'
}

build_target() {
  cmake --build "$build" --target "$1" -j "$jobs" > "$log" 2>&1
}

# --- Hunts. Each prints "SEED WHAT" when something was caught, and nothing otherwise.

# What the log of a run of the simulator tells.
caught_by_sim() {
  found=$(sed -n 's/^seed \([0-9]*\) broke \(I-[0-9]*\) after .*/\1 \2/p' "$log" | head -n 1)
  [ -n "$found" ] || found=$(sed -n 's/^the program crashed while it ran sim --replay \([0-9]*\).*/\1 assertion/p' "$log" | head -n 1)
  [ -n "$found" ] || [ "$1" -ne 124 ] || found="$2 no-end"
  echo "${found:-$2 status-$1}"
}

# In steps, so that a mutant caught early costs little.
hunt_by_seeds() {
  first=1
  while [ "$first" -le "$seeds" ]; do
    left=$((seeds - first + 1))
    [ "$left" -gt "$step" ] && left=$step
    timeout 600 "$build/tests/sim" --first "$first" --seeds "$left" --no-shrink > "$log" 2>&1
    status=$?
    if [ "$status" -ne 0 ]; then
      caught_by_sim "$status" "$first..$((first + left - 1))"
      return
    fi
    first=$((first + left))
  done
}

hunt_by_sim() {
  timeout 600 "$build/tests/sim" "$@" --no-shrink > "$log" 2>&1
  status=$?
  [ "$status" -eq 0 ] || echo "$(caught_by_sim "$status" -) ($*)"
}

hunt_by_test() {
  program=$1
  shift
  timeout 120 "$build/tests/$program" "$@" > "$log" 2>&1
  status=$?
  [ "$status" -ne 0 ] || return
  found=$(sed -n 's/^\[  FAILED  \] \([A-Za-z0-9_.\/]*\).*/\1/p' "$log" | head -n 1)
  [ -n "$found" ] || found=$(sed -n 's/^\[ RUN      \] //p' "$log" | tail -n 1)
  [ "$status" -ne 124 ] || found="$found (no end)"
  echo "- $program ${found:-status-$status}"
}

hunt() {
  set -f
  # shellcheck disable=SC2086
  set -- $1
  set +f
  if [ "$*" = sim ]; then
    hunt_by_seeds
  elif [ "$1" = sim ]; then
    shift
    hunt_by_sim "$@"
  else
    hunt_by_test "$@"
  fi
}

# A hunter that finds something where nothing was planted finds nothing. A test that is not there does not fail either.
check_unchanged() {
  hunter=$1
  if ! build_target "${hunter%% *}"; then
    cat "$log" >&2
    echo "the unchanged tree does not build" >&2
    exit 2
  fi
  stamp="$(cksum < "$build/tests/${hunter%% *}") $seeds $hunter"
  ! grep -qxF "$stamp" "$passed" 2> /dev/null || return 0
  found=$(hunt "$hunter")
  if [ -n "$found" ] || grep -q '^\[==========\] Running 0 tests' "$log"; then
    cat "$log" >&2
    echo "the unchanged tree fails, or there is no such test: $hunter: ${found:-nothing ran}" >&2
    exit 2
  fi
  echo "$stamp" >> "$passed"
}

copy_tree
generator=
command -v ninja > /dev/null && generator="-G Ninja"
launcher=
command -v ccache > /dev/null && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache
# shellcheck disable=SC2086
if ! cmake -S "$tree" -B "$build" $generator $launcher -DCMAKE_BUILD_TYPE=Release -DAXONPUSH_BUILD_BENCH=OFF \
  -DAXONPUSH_BUILD_TOOL=OFF > "$log" 2>&1; then
  cat "$log" >&2
  echo "the unchanged tree cannot be configured" >&2
  exit 2
fi
[ $# -ne 0 ] || set -- $(cd "$mutants" && ls | sed -n 's/\.patch$//p')
hunters=$(for name in "$@"; do [ ! -e "$mutants/$name.patch" ] || hunter_of "$name"; done | sort -u)
while read -r hunter; do
  [ -z "$hunter" ] || check_unchanged "$hunter" < /dev/null
done << END
$hunters
END

survived=0
unusable=0
caught=0
printf '%-44s %-10s %s\n' mutant seed "caught by"
for name in "$@"; do
  patch_file=$mutants/$name.patch
  touched=$(sed -n 's|^+++ b/||p' "$patch_file")
  rm -rf "$saved"
  mkdir "$saved"
  # shellcheck disable=SC2086
  (cd "$tree" && tar cf - $touched) 2> /dev/null | (cd "$saved" && tar xf - 2> /dev/null)
  if [ -z "$touched" ] || ! (cd "$tree" && patch -s -p1 -F 0 --no-backup-if-mismatch -r - < "$patch_file") > "$log" 2>&1; then
    printf '%-44s %-10s %s\n' "$name" - "DOES NOT APPLY"
    unusable=$((unusable + 1))
  else
    hunter=$(hunter_of "$name")
    if ! build_target "${hunter%% *}"; then
      printf '%-44s %-10s %s\n' "$name" - "DOES NOT COMPILE"
      grep -m 3 error: "$log" >&2
      unusable=$((unusable + 1))
    else
      found=$(hunt "$hunter")
      if [ -n "$found" ]; then
        printf '%-44s %-10s %s\n' "$name" "${found%% *}" "${found#* }"
        caught=$((caught + 1))
      else
        printf '%-44s %-10s %s\n' "$name" - "SURVIVED $hunter"
        survived=$((survived + 1))
      fi
    fi
  fi
  # Newer than what was made of the mutant, so that it is made anew.
  for file in $touched; do [ ! -e "$saved/$file" ] || cp "$saved/$file" "$tree/$file"; done
done
echo "$caught caught, $survived survived, $unusable unusable"
[ "$unusable" -eq 0 ] || exit 2
[ "$survived" -eq 0 ]
