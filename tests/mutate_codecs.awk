# Lists the mutants of source files, one a line, for mutate_codecs.sh:
#
#   FILE <tab> LINE <tab> COLUMN <tab> LENGTH <tab> WHAT <tab> INSTEAD      put INSTEAD for LENGTH characters from COLUMN on
#
# First file: mutants_equal.txt, whose mutants are left out; then the sources. The project's format helps: binary operators
# have a space on both sides, and template brackets and references have not. `seed` and `sample`: that many, drawn at random.

function fill(count,    text) {
  while (count-- > 0) text = text "@"
  return text
}

# The line with the same columns, but its comments, its text and its character literals filled with @.
function masked(line,    out, rest, size) {
  out = ""
  rest = line
  while (rest != "") {
    if (in_comment) {
      size = index(rest, "*/")
      in_comment = size == 0
      size = size == 0 ? length(rest) : size + 1
    } else if (match(rest, /^[A-Za-z_0-9]+('[0-9A-Fa-f]+)*/)) {  # an apostrophe in a number is no literal
      out = out substr(rest, 1, RLENGTH)
      rest = substr(rest, RLENGTH + 1)
      continue
    } else if (match(rest, /^("([^"\\]|\\.)*"|'([^'\\]|\\.)*')/)) {
      size = RLENGTH
    } else if (substr(rest, 1, 2) == "//") {
      size = length(rest)
    } else if (substr(rest, 1, 2) == "/*") {
      in_comment = 1
      continue
    } else {
      out = out substr(rest, 1, 1)
      rest = substr(rest, 2)
      continue
    }
    out = out fill(size)
    rest = substr(rest, size + 1)
  }
  return out
}

function balance(code,    opened, closed) {
  opened = gsub(/\(/, "(", code)
  closed = gsub(/\)/, ")", code)
  return opened - closed
}

# Lines that declare or assert, or that the preprocessor reads.
function is_no_code(code) {
  if (in_directive || code ~ /^ *#/) {
    in_directive = code ~ /\\$/
    return 1
  }
  if (in_assertion > 0 || code ~ /^ *(static_assert|AXONPUSH_ASSERT|requires)\(/) {
    in_assertion += balance(code)
    return 1
  }
  if (in_enum || code ~ /^ *enum /) {
    in_enum = code !~ /\}/
    return 1
  }
  return code ~ /^ *(template <|using |namespace |friend |\}  *@|public:|private:|AXONPUSH_JSON_INLINE|AXONPUSH_JSON_TARGET)/ ||
         code ~ /= (delete|default);/ || code ~ /^ *virtual /
}

# `std::uint32_t number = 0;` in a class: `fields` is where its fields stand.
function is_default_of_field(code) {
  if (code ~ /^ *(struct|class) [^;]*\{$/) fields = match(code, /[^ ]/) + 2
  if (code ~ /^ *\};/ && match(code, /[^ ]/) + 2 == fields) fields -= fields == 3 ? 3 : 2  # what it stands in goes on
  return fields != 0 && match(code, /[^ ]/) == fields && code ~ /^ *[A-Za-z_:0-9]+ [a-z_]+ = [0-9a-z_']+;/
}

function put(column, size, instead, what,    mutant, at) {
  mutant = substr(line, 1, column - 1) instead substr(line, column + size)
  for (at = 1; at <= entries; ++at) {
    if (entry_file[at] != FILENAME) continue
    if (entry_line[at] != "" && (what != "statement removed" || !index(line, entry_line[at]))) continue
    if (entry_text[at] != "" && (!index(mutant, entry_text[at]) || index(line, entry_text[at]))) continue
    ++entry_used[at]
    ++left_out
    return
  }
  found[++mutants] = FILENAME "\t" FNR "\t" column "\t" size "\t" what "\t" instead
}

# One more: 9 becomes 10, 0xFF 0x100. Digit by digit, because 64 bits are more than a number of awk holds.
function one_more(number, digits,    at, digit, value, head) {
  head = ""
  if (digits == 16) { head = substr(number, 1, 2); number = substr(number, 3) }
  for (at = length(number); at > 0; --at) {
    digit = substr(number, at, 1)
    if (digit == "'") continue
    value = index("0123456789ABCDEF", toupper(digit))  # the digit and one more
    if (value < digits) return head substr(number, 1, at - 1) substr("0123456789ABCDEF", value + 1, 1) substr(number, at + 1)
    number = substr(number, 1, at - 1) "0" substr(number, at + 1)
  }
  return head "1" number
}

function mutate_operators(code,    rest, base, word, size) {
  base = 0
  rest = code
  while (match(rest, / [^ ]+/)) {
    word = substr(rest, RSTART + 1, RLENGTH - 1)
    size = RLENGTH - 1
    if (word in instead_of) put(base + RSTART + 1, size, instead_of[word], word " becomes " instead_of[word])
    base += RSTART + RLENGTH - 1
    rest = substr(rest, RSTART + RLENGTH)
  }
}

function mutate_steps_and_signs(code,    rest, base, word) {
  base = 0
  rest = code
  while (match(rest, /\+\+|--|!/)) {
    word = substr(rest, RSTART, RLENGTH)
    if (word != "!") {
      put(base + RSTART, 2, word == "++" ? "--" : "++", word " becomes " (word == "++" ? "--" : "++"))
    } else if (substr(rest, RSTART + 1, 1) ~ /[A-Za-z_(*]/) {
      put(base + RSTART, 1, "", "! removed")
    }
    base += RSTART + RLENGTH - 1
    rest = substr(rest, RSTART + RLENGTH)
  }
}

function mutate_words(code,    rest, base, word, suffix, instead) {
  # The sizes of arrays say how much room there is, not what is done with it.
  if (code ~ /^ *((const|constexpr|static|inline|thread_local|alignas\([^)]*\)) )*[A-Za-z_:0-9<>]+ [A-Za-z_]+\[[^]]*\]( = \{.*|\{\})?;/) {
    match(code, /\[[^]]*\]/)
    code = substr(code, 1, RSTART - 1) fill(RLENGTH) substr(code, RSTART + RLENGTH)
  }
  while (match(code, /(array|Vec|span)<[^>]*>/)) code = substr(code, 1, RSTART - 1) fill(RLENGTH) substr(code, RSTART + RLENGTH)
  base = 0
  rest = code
  while (match(rest, /[A-Za-z_0-9.][A-Za-z_0-9.']*/)) {
    word = substr(rest, RSTART, RLENGTH)
    if (word ~ /^(0x[0-9A-Fa-f']+|[0-9']+)(U|u|L|l|UL|ULL|LL)?$/) {
      suffix = word
      sub(/^(0x[0-9A-Fa-f']+|[0-9']+)/, "", suffix)
      instead = one_more(substr(word, 1, length(word) - length(suffix)), word ~ /^0x/ ? 16 : 10) suffix
      put(base + RSTART, RLENGTH, instead, word " becomes " instead)
    } else if ((word == "true" || word == "false") && substr(rest, RSTART - 1, 1) != "<") {
      instead = word == "true" ? "false" : "true"
      put(base + RSTART, RLENGTH, instead, word " becomes " instead)
    }
    base += RSTART + RLENGTH - 1
    rest = substr(rest, RSTART + RLENGTH)
  }
}

# The column behind the bracket that closes the one at `column`, 0 when it stands on another line.
function behind_bracket(code, column,    at, depth, letter) {
  for (at = column; at <= length(code); ++at) {
    letter = substr(code, at, 1)
    if (letter == "(") ++depth
    if (letter == ")" && --depth == 0) return at + 1
  }
  return 0
}

function mutate_conditions_and_statements(code,    first, open, behind, condition, at, statement) {
  first = match(code, /[^ ]/)
  statement = substr(code, first)
  if (match(statement, /^(\} )?(else )?(if|while) \(/)) {
    open = first + RLENGTH - 1
    behind = behind_bracket(code, open)
    if (behind == 0) { last_code = ","; return }
    condition = substr(line, open + 1, behind - open - 2)
    at = 0
    while (index(substr(code, open + 1 + at, length(condition) - at), "; ")) at += index(substr(code, open + 1 + at), "; ") + 1
    put(open + 1 + at, length(condition) - at, "!(" substr(condition, at + 1) ")", "condition negated")
    last_code = ")"
    statement = substr(code, behind)
    first = behind + match(statement, /[^ ]/) - 1
    statement = substr(code, first)
  }
  if (last_code ~ /([;{}:]|\)|else|likely\]\])$/ && is_statement(statement)) put(first, index(statement, ";"), ";", "statement removed")
}

function is_statement(code) {
  sub(/; *@*$/, ";", code)
  if (code ~ /;.*;/ || code ~ /^(return|break|continue|goto|default|delete)/) return 0
  return code ~ /^[A-Za-z_*(][^ ]* ([-+*\/|&^%]|<<|>>)?= .*;$/ || code ~ /^[A-Za-z_][^ (]*\(.*\);$/ || code ~ /^(\+\+|--)[^ ]*;$/
}

# Park and Miller's generator: the same numbers in every awk.
function random() {
  state = state * 16807 % 2147483647
  return state / 2147483647
}

BEGIN {
  pairs = "< <=, <= <, > >=, >= >, == !=, != ==, && ||, || &&, + -, - +, * /, / *, % /, & |, | &, ^ |, << >>, >> <<, " \
          "+= -=, -= +=, *= /=, /= *=, |= &=, &= |=, ^= |=, <<= >>=, >>= <<="
  count = split(pairs, list, ", ")
  for (i = 1; i <= count; ++i) {
    split(list[i], pair, " ")
    instead_of[pair[1]] = pair[2]
  }
}

# --- mutants_equal.txt ---
FNR == NR {
  if (/^#/ || /^ *$/) next
  if (/^[^ ]/) { listed_file = $0; next }
  if (/^  (becomes|without): /) {
    entry_file[++entries] = listed_file
    entry_line[entries] = ""
    entry_text[entries] = substr($0, 12)
    if (/^  without: /) { entry_line[entries] = entry_text[entries]; entry_text[entries] = "" }
  }
  next
}

# --- Sources ---
FNR == 1 { in_comment = in_directive = in_assertion = in_enum = fields = 0; last_code = "" }
{
  line = $0
  code = masked(line)
  if (code !~ /[^ @]/) next
  if (!is_no_code(code) && !is_default_of_field(code)) {
    mutate_operators(code)
    mutate_steps_and_signs(code)
    mutate_words(code)
    mutate_conditions_and_statements(code)
  }
  last_code = code
  sub(/[ @]+$/, "", last_code)
}

END {
  state = seed % 2147483646 + 1
  for (i = 0; i < 10; ++i) random()
  left = sample == 0 || sample > mutants ? mutants : sample
  for (i = 1; i <= mutants && left > 0; ++i) {
    if (random() * (mutants - i + 1) >= left) continue
    print found[i]
    --left
  }
  for (i = 1; i <= entries; ++i) {
    if (!entry_used[i] && index(files, entry_file[i])) printf "mutants_equal.txt is out of date: %s: %s%s\n", entry_file[i], entry_text[i], entry_line[i] > "/dev/stderr"
  }
  printf "%d mutants, %d of them listed as equal\n", mutants + left_out, left_out > "/dev/stderr"
}
