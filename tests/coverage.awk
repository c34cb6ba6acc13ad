# Adds up what `llvm-cov show -show-branches=count` prints; see coverage.sh. First file: coverage_missing.txt, second: the
# listing.

function is_in(group, file) {
  if (group == "codecs") return file ~ /^(src|include\/axonpush)\/(base|http|ws|mqtt|json)\// && !is_in("machines", file)
  if (group == "machines")
    return file ~ /^(include\/axonpush\/refresh\.h|src\/client\/(core|link|fetch|publishes|dedup)|(src|include\/axonpush)\/mqtt\/session)/
  return 1
}

# The reason listed for one side of the condition that begins at `column` of the line, "" without one. One listed for
# any file is about conditions that begin with its text.
function reason_for(file, text, column, side,    at, fits) {
  for (at = 1; at <= entries; ++at) {
    if (entry_side[at] != side) continue
    fits = entry_file[at] == "any file" ? index(substr(text, column), entry_text[at]) == 1 : \
                                          entry_file[at] == file && index(text, entry_text[at]) > 0
    if (!fits) continue
    ++entry_used[at]
    return entry_reason[at]
  }
  return ""
}

# A `switch` over an enumeration that names every enumerator (-Wswitch) has no way past its cases, though clang counts one.
function is_way_past_cases(key) {
  return taken[key, "true"] == 0 && substr(line_text[file_of[key], line_of[key]], 1, column_of[key] - 1) ~ /switch \($/
}

# --- coverage_missing.txt ---
FNR == NR {
  if (/^#/ || /^ *$/) next
  if (/^[^ ]/) { listed_file = $0; next }
  if (/^  never (true|false): /) {
    entry_file[++entries] = listed_file
    entry_side[entries] = $2 == "true:" ? "true" : "false"
    entry_text[entries] = $0
    sub(/^  never (true|false): /, "", entry_text[entries])
    if (!between_conditions) first_of_reason = entries
    between_conditions = 1
    next
  }
  # Conditions listed above each other share the reason that follows them.
  between_conditions = 0
  sub(/^ +/, "")
  for (at = first_of_reason; at <= entries; ++at) entry_reason[at] = entry_reason[at] (entry_reason[at] == "" ? "" : " ") $0
  next
}

# --- The listing ---
/^\/.*:$/ {
  file = substr($0, 1, length($0) - 1)
  file = index(file, root) == 1 ? substr(file, length(root) + 1) : ""
  is_library = file ~ /^(src|include)\// && file !~ /^(src|include\/axonpush)\/(tool|testing|packaging)\//
  next
}
!is_library { next }
/^ *[0-9]+\|/ {
  number = $0
  sub(/\|.*/, "", number)
  text = $0
  sub(/^ *[0-9]+\|[^|]*\|/, "", text)
  line_text[file, number + 0] = text
  next
}
/^  \|  Branch \([0-9]+:[0-9]+\): \[True: / {
  match($0, /\([0-9]+:[0-9]+\)/)
  split(substr($0, RSTART + 1, RLENGTH - 2), place, ":")
  key = file ":" place[1] ":" place[2]
  if (!(key in file_of)) {
    order[++branches] = key
    file_of[key] = file
    line_of[key] = place[1] + 0
    column_of[key] = place[2] + 0
  }
  match($0, /True: [^,]*/)
  if (substr($0, RSTART + 6, RLENGTH - 6) != "0") taken[key, "true"] = 1
  match($0, /False: [^\]]*/)
  if (substr($0, RSTART + 7, RLENGTH - 7) != "0") taken[key, "false"] = 1
}

END {
  split("codecs machines whole", groups, " ")
  split("true false", sides, " ")
  for (at = 1; at <= branches; ++at) {
    key = order[at]
    way_past = is_way_past_cases(key)
    for (s = 1; s <= 2; ++s) {
      side = sides[s]
      if (side == "true" && way_past) { ++ways_past; continue }
      why = ""
      if (!taken[key, side]) {
        text = line_text[file_of[key], line_of[key]]
        why = reason_for(file_of[key], text, column_of[key], side)
        sub(/^ +/, "", text)
        printf "%s never %s: %s\n      %s\n", key, side, text, why == "" ? "NO REASON LISTED" : why
      }
      for (g = 1; g <= 3; ++g) {
        group = groups[g]
        if (!is_in(group, file_of[key])) continue
        ++count[group]
        if (!taken[key, side]) { ++missed[group]; if (why != "") ++explained[group] }
      }
    }
  }
  for (at = 1; at <= entries; ++at)
    if (!entry_used[at]) printf "coverage_missing.txt is out of date: %s never %s: %s\n", entry_file[at], entry_side[at], entry_text[at]
  least["codecs"] = 98; least["machines"] = 98; least["whole"] = 92
  printf "\n"
  for (g = 1; g <= 3; ++g) {
    group = groups[g]
    share = count[group] == 0 ? 0 : 100 * (count[group] - missed[group]) / count[group]
    printf "%-9s %.2f%% of %d branches (%d never taken, %d of them with a reason listed; %.2f%% without those), at least %d%%\n", \
      group, share, count[group], missed[group], explained[group], \
      count[group] == explained[group] ? 0 : 100 * (count[group] - missed[group]) / (count[group] - explained[group]), least[group]
    if (share < least[group]) bad = 1
  }
  exit bad
}
