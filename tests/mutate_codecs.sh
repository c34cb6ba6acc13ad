#!/bin/sh
# Mutation testing of the codecs: makes one small change at a time to their sources, in a copy of the tree, and looks
# whether the layer's own test program notices. (The bugs of sim/mutants are planted by hand; these are made by rule.)
#
#   mutate_codecs.sh [-n SAMPLE] [-s SEED] [-a] [-o PATTERN] [-b FOLDER] [-j JOBS] [LAYER...]     base http ws mqtt json
#
# SAMPLE (60) mutants a layer are drawn with SEED (1); -a takes all of them. PATTERN, an extended regular expression, takes
# only mutants whose "FILE:LINE:COLUMN WHAT" it fits. FOLDER (build-mutate) is kept, so a second run begins at once.
#
# What is changed: comparisons, arithmetic, bits, && and ||, ++ and --, a number to one more, true and false, a `!` is
# removed, a condition negated, a statement removed. Not: comments, texts, assertions (which are compiled out), enumerations,
# defaults of fields, sizes of arrays.
#
# Prints each mutant and what became of it: "caught" by the test named (a crash, or no end within 20 seconds of processor
# time, is one), "SURVIVED", and two that do not count: "equal", because the compiler makes the same program of it, and
# "invalid", because it does not compile. Mutants that do the same though they compile differently are left out:
# mutants_equal.txt lists them with reasons. Exit status: 0 when each layer caught at least 90 %, 1 when one did not, 2 when
# the unchanged tree does not build or fails.
# The limits on processor time, memory and core files are those of every shell there is.
# shellcheck disable=SC3045
set -u

source_folder=$(cd "$(dirname "$0")/.." && pwd)
work_folder=$source_folder/build-mutate
sample=60
seed=1
pattern=
jobs=2
least=90

while getopts n:s:ao:b:j: option; do
  case $option in
    n) sample=$OPTARG ;;
    s) seed=$OPTARG ;;
    a) sample=0 ;;
    o) pattern=$OPTARG sample=0 ;;
    b) work_folder=$OPTARG ;;
    j) jobs=$OPTARG ;;
    *)
      sed -n '5p' "$0" | cut -c3- >&2
      exit 2
      ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ne 0 ] || set -- http ws mqtt json base
mkdir -p "$work_folder" || exit 2
work_folder=$(cd "$work_folder" && pwd)
tab=$(printf '\t')
ulimit -c 0

# A number of each worker's: its copy of the tree, its build. Files keep their times, so that only what changed is compiled.
copy_tree() {
  for part in CMakeLists.txt include src tests fuzz; do
    (cd "$source_folder" && find "$part" -type d) | while read -r folder; do mkdir -p "$1/tree/$folder"; done
    (cd "$source_folder" && find "$part" -type f) | while read -r file; do
      cmp -s "$source_folder/$file" "$1/tree/$file" || cp "$source_folder/$file" "$1/tree/$file"
    done
  done
  (cd "$1/tree" && find . -type f) | while read -r file; do [ -e "$source_folder/$file" ] || rm "$1/tree/$file"; done
}

configure() {
  launcher=
  command -v ccache > /dev/null && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  generator=
  command -v ninja > /dev/null && generator="-G Ninja"
  # shellcheck disable=SC2086
  cmake -S "$1/tree" -B "$1/build" $generator $launcher -DCMAKE_BUILD_TYPE=None "-DCMAKE_CXX_FLAGS=-O1 -DNDEBUG" \
    -DAXONPUSH_BUILD_BENCH=OFF -DAXONPUSH_BUILD_TOOL=OFF -DAXONPUSH_BUILD_FUZZ=OFF -DAXONPUSH_INSTALL=OFF
}

# So that what one worker compiled the cache hands to the next.
build() {
  CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=1 cmake --build "$1/build" --target "$2" -j "$3" > "$1/log" 2>&1
}

# The answer is that of the program; a test that does not end is stopped. The shell in between tells the log of a crash.
run_tests() {
  sh -c 'ulimit -t 20; ulimit -v 8000000; timeout 200 "$@"; exit $?' sh "$1/build/tests/$2" --gtest_brief=1 --gtest_fail_fast \
    > "$1/log" 2>&1
}

# What the log of a failed run tells.
caught_by() {
  found=$(sed -n 's/^\[  FAILED  \] \([A-Za-z0-9_.\/]*\).*/\1/p' "$1/log" | head -n 1)
  case $2 in
    124 | 137 | 152) found="no end" ;;
    *) [ -n "$found" ] || found="a crash ($2)" ;;
  esac
  echo "$found"
}

# One worker: the mutants of a list, one after the other. What is done is judged by the program of the unchanged tree.
work() {
  folder=$1
  layer=$2
  changed=
  while IFS=$tab read -r file line column size what instead; do
    [ -z "$changed" ] || [ "$changed" = "$file" ] || cp "$source_folder/$changed" "$folder/tree/$changed"
    changed=$file
    INSTEAD=$instead awk -v line="$line" -v column="$column" -v size="$size" '
      FNR == line { $0 = substr($0, 1, column - 1) ENVIRON["INSTEAD"] substr($0, column + size) }
      { print }' "$source_folder/$file" > "$folder/tree/$file"
    by=
    if ! build "$folder" "${layer}_test" 1; then
      answer=invalid
    elif cmp -s "$folder/build/tests/${layer}_test" "$folder/$layer.unchanged"; then
      answer=equal
    else
      run_tests "$folder" "${layer}_test"
      status=$?
      if [ "$status" -eq 0 ]; then
        answer=SURVIVED
      else
        answer=caught
        by=" by $(caught_by "$folder" "$status")"
      fi
    fi
    printf '%-8s %s:%s:%s %s%s\n' "$answer" "$file" "$line" "$column" "$what" "$by"
  done < "$folder/list"
  # Newer than what was made of the mutant, so that it is made anew.
  [ -z "$changed" ] || cp "$source_folder/$changed" "$folder/tree/$changed"
}

prepare() {
  folder=$1
  shift
  mkdir -p "$folder/tree"
  copy_tree "$folder"
  if ! configure "$folder" > "$folder/log" 2>&1; then
    cat "$folder/log" >&2
    echo "the unchanged tree cannot be configured" >&2
    exit 2
  fi
  for layer in "$@"; do
    if ! build "$folder" "${layer}_test" "$jobs" || ! run_tests "$folder" "${layer}_test"; then
      cat "$folder/log" >&2
      echo "the unchanged tree does not build, or ${layer}_test fails" >&2
      exit 2
    fi
    cp "$folder/build/tests/${layer}_test" "$folder/$layer.unchanged"
  done
}

list_mutants() {
  files=$(cd "$source_folder" && find "src/$1" "include/axonpush/$1" -name '*.cc' -o -name '*.h' | sort)
  # What the base has in its public headers is no codec.
  [ "$1" != base ] || files=$(echo "$files" | grep '^src/')
  # shellcheck disable=SC2086
  (cd "$source_folder" && awk -v seed="$seed" -v sample="$sample" -v files="$files" -f tests/mutate_codecs.awk \
    tests/mutants_equal.txt $files) |
    awk -F "$tab" -v pattern="$pattern" '$1 ":" $2 ":" $3 " " $5 ~ pattern'
}

worker=1
while [ "$worker" -le "$jobs" ]; do
  prepare "$work_folder/$worker" "$@" || exit 2
  worker=$((worker + 1))
done

below=0
for layer in "$@"; do
  echo "$layer:"
  list_mutants "$layer" > "$work_folder/list" || exit 2
  count=$(wc -l < "$work_folder/list")
  # In a row, so that each worker has the mutants of a file together and its other files stay compiled.
  worker=1
  while [ "$worker" -le "$jobs" ]; do
    awk -v first=$((count * (worker - 1) / jobs)) -v last=$((count * worker / jobs)) 'NR > first && NR <= last' \
      "$work_folder/list" > "$work_folder/$worker/list"
    work "$work_folder/$worker" "$layer" > "$work_folder/$worker/answers" &
    worker=$((worker + 1))
  done
  wait
  worker=1
  while [ "$worker" -le "$jobs" ]; do
    cat "$work_folder/$worker/answers"
    worker=$((worker + 1))
  done > "$work_folder/answers"
  cat "$work_folder/answers"
  score=$(awk -v layer="$layer" -v least="$least" '
    { ++answers[$1] }
    END {
      counted = answers["caught"] + answers["SURVIVED"]
      share = counted == 0 ? 100 : 100 * answers["caught"] / counted
      printf "%-5s %5.1f %% of %d mutants caught, %d survived (%d equal, %d invalid)\n", layer, share, counted,
        answers["SURVIVED"], answers["equal"], answers["invalid"]
      exit share < least
    }' "$work_folder/answers") || below=1
  printf '%s\n\n' "$score"
done
exit $below
