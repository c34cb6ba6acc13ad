#!/bin/sh
# What each operation of axonpush_instr costs, in instructions and allocations, beside its goal: PEERS' best figures are
# what the goals were set by. Instructions are exact: callgrind counts two runs of different lengths, and the difference
# is divided by the difference of the lengths. Exits 1 when a goal is missed.
#
#   bench/instructions.sh BUILD [PATTERN]     BUILD: a build folder, or the program itself; PATTERN: as grep -E takes it
#
# Goals are for the default Release flags and a processor with AVX2, which valgrind passes on.
set -eu

program=${1:?usage: bench/instructions.sh BUILD [PATTERN]}
pattern=${2:-.}
[ -d "$program" ] && program=$program/bench/axonpush_instr
[ -x "$program" ] || { echo "instructions.sh: $program is not there; build the target axonpush_instr" >&2; exit 2; }
command -v valgrind >/dev/null || { echo "instructions.sh: valgrind is missing: apt-get install valgrind" >&2; exit 2; }

# Instructions at most. Copies and masks have none: they are measured by time, against memcpy (axonpush_bench).
goal_of() {
  case $1 in
    mqtt_decode_publish_*_p0) echo 200 ;;
    mqtt_decode_publish_*_p3) echo 500 ;;
    mqtt_encode_publish_256_p0 | mqtt_encode_around_*_p0) echo 170 ;;
    mqtt_encode_publish_256_p3 | mqtt_encode_around_*_p3) echo 260 ;;
    mqtt_puback_encode) echo 25 ;;
    mqtt_puback_decode) echo 30 ;;
    ws_parse_256) echo 35 ;;
    utf8_topic_54) echo 60 ;;
    utf8_mixed_4096 | utf8_stream_mixed_4096) echo 6643 ;; # 1.5 times simdutf's 4,429
    http_head_200) echo 3400 ;;
    json_event_503) echo 2400 ;;
    topic_match_*) echo 400 ;; # flat, however many filters
    inbound_500_json) echo 3200 ;;
    inbound_500_raw) echo 800 ;;
    *) echo - ;;
  esac
}

few=1000
many=3000
counted() { # operation, count
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 >/dev/null |
    sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

status=0
printf '%-34s %12s %12s %8s\n' operation instructions allocations goal
for operation in $("$program" list | grep -E "$pattern" | sort); do
  before=$(counted "$operation" $few)
  after=$(counted "$operation" $many)
  allocations=$("$program" "$operation" $many | sed -n 's/.*allocs=//p')
  goal=$(goal_of "$operation")
  instructions=$(awk "BEGIN { printf \"%.1f\", ($after - $before) / ($many - $few) }")
  verdict=$(awk "BEGIN { print \"$goal\" != \"-\" && ($instructions > \"$goal\" + 0 || $allocations > 0) ? \"missed\" : \"\" }")
  [ -z "$verdict" ] || status=1
  printf '%-34s %12s %12s %8s %s\n' "$operation" "$instructions" \
    "$(awk "BEGIN { printf \"%.2f\", $allocations / $many }")" "$goal" "$verdict"
done
exit $status
