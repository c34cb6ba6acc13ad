#!/bin/sh
# Branches taken by the tests, by clang's source-based coverage: `coverage` builds with AXONPUSH_COVERAGE=ON and calls it.
#
#   coverage.sh BUILD_FOLDER [GTEST_FILTER]
#
# Runs every test program and fuzz replay of the build, adds their profiles up, and prints the share of branches taken
# of the codecs, the machines and the whole library, and every file that misses some. Assertions are off in the build,
# so they are no branches. Exit status 1 when a share is below what it has to be.
set -eu

build=$(cd "$1" && pwd)
filter=${2:-*}
source_folder=$(cd "$(dirname "$0")/.." && pwd)
profiles=$build/profiles
profdata=$(command -v llvm-profdata || command -v llvm-profdata-14)
cov=$(command -v llvm-cov || command -v llvm-cov-14)
rm -rf "$profiles"
mkdir -p "$profiles"

objects=
for program in "$build"/tests/*_test; do
  [ -x "$program" ] || continue
  case $program in */tidy_test | */interop_test) continue ;; esac
  LLVM_PROFILE_FILE="$profiles/$(basename "$program").profraw" "$program" --gtest_brief=1 --gtest_filter="$filter" \
    > "$profiles/log" 2>&1 || { cat "$profiles/log"; exit 1; }
  objects="$objects -object $program"
done
for program in "$build"/fuzz/*_fuzz; do
  corpus=$source_folder/fuzz/corpus/$(basename "$program")
  [ -x "$program" ] && [ -d "$corpus" ] || continue
  # Under clang these are libFuzzer programs by default, which would go on from the corpus for ever.
  replay_only=
  "$program" -help=1 2>&1 | grep -q -e '-runs' && replay_only=-runs=0
  # shellcheck disable=SC2086
  LLVM_PROFILE_FILE="$profiles/$(basename "$program").profraw" "$program" $replay_only "$corpus" > "$profiles/log" 2>&1 ||
    { cat "$profiles/log"; exit 1; }
  objects="$objects -object $program"
done
if [ -x "$build/tests/sim" ]; then
  LLVM_PROFILE_FILE="$profiles/sim.profraw" "$build/tests/sim" --seeds 200 > "$profiles/log" 2>&1 ||
    { cat "$profiles/log"; exit 1; }
  objects="$objects -object $build/tests/sim"
fi

"$profdata" merge -sparse "$profiles"/*.profraw -o "$profiles/all.profdata"
# shellcheck disable=SC2086
"$cov" report ${objects# -object} -instr-profile="$profiles/all.profdata" \
  -ignore-filename-regex='(^|/)(tests|fuzz|bench)/|src/(tool|testing|packaging)/|include/axonpush/testing/|/usr/' \
  > "$profiles/report"

# Columns: name, then regions, functions, lines and branches, each as count, missed, share.
awk '
  function share(of) { return count[of] == 0 ? 100 : 100 * (count[of] - missed[of]) / count[of] }
  function add(to) { count[to] += $(NF - 2); missed[to] += $(NF - 1) }
  /\.(cc|h) / && $(NF - 2) ~ /^[0-9]+$/ {
    add("whole")
    if ($1 ~ /(src|include\/axonpush)\/(base|http|ws|mqtt|json)\// || $1 ~ /^(base|http|ws|mqtt|json)\//) add("codecs")
    if ($1 ~ /refresh\.h|core|link|fetch|publishes|dedup|mqtt\/session/) add("machines")
    if ($(NF - 1) > 0) line[++lines] = sprintf("%6.1f%%  %4d of %5d missed  %s", 100 * ($(NF - 2) - $(NF - 1)) / $(NF - 2), $(NF - 1), $(NF - 2), $1)
  }
  END {
    for (at = 1; at <= lines; ++at) print line[at]
    least["codecs"] = 98; least["machines"] = 98; least["whole"] = 92
    bad = 0
    for (group in least) {
      printf "%-9s %.1f%% of %d branches (%d missed), at least %d%%\n", group, share(group), count[group], missed[group], least[group]
      if (share(group) < least[group]) bad = 1
    }
    exit bad
  }' "$profiles/report"
