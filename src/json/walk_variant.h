// The walk itself, compiled once for each processor variant: no #pragma once, because each walk_*.cc includes it within
// a namespace of its own. Before that the file defines
//   AXONPUSH_JSON_TARGET   the attribute that lets the compiler use the variant's instructions, or nothing
//   Blocks                 reads 64 bytes: specials(at) answers one bit for each quote, backslash and control
//                          character (the first byte is the lowest bit) and remembers whether a byte was over 0x7F
//
// How it works. Between strings every byte is looked at, one after the other. Strings are left by the word of specials
// of their block. Its bits are used up in order: the lowest one is the opening quote at the cursor, the next one its
// closing quote, or an escape, or a fault. Nothing else between strings sets a bit but white space below 0x20, and
// skipping that drops the word (`mask` becomes 0); the next string then begins a new block at its own quote. Blocks
// without a string in them are never read.
//
// Two forms of it: when the document begins with an opening bracket and its last byte that is no white space is the
// matching closing one, that byte stops every scan between strings, so the end has to be looked for only behind a
// closing bracket and in strings. White space behind that byte is taken off first. When it also is too short to hold
// more values than allowed, none needs to be counted. Any other document is a scalar, malformed or large: `kCareful`.

#define AXONPUSH_JSON_INLINE AXONPUSH_JSON_TARGET __attribute__((always_inline)) inline

// The cursor's state. It never leaves the function that owns it, so that it lives in registers.
struct Scan {
  const std::uint8_t* begin;
  const std::uint8_t* end;
  const std::uint8_t* block;  // what `mask` is of
  std::uint64_t mask;         // what is not used up of its specials
  std::size_t nodes_left;
  Blocks blocks;
};

AXONPUSH_JSON_INLINE const std::uint8_t* fail(Findings& findings, Fault fault, const std::uint8_t* at) {
  findings.fault = fault;
  findings.fault_at = at;
  return nullptr;
}

// An unexpected byte, or the end where one more was needed.
AXONPUSH_JSON_INLINE const std::uint8_t* fail_at(const Scan& scan, Findings& findings, const std::uint8_t* at) {
  return fail(findings, at >= scan.end ? Fault::cut_off : Fault::unexpected, at);
}

AXONPUSH_JSON_INLINE void load_block(Scan& scan, const std::uint8_t* at) {
  const auto left = static_cast<std::size_t>(scan.end - at);
  scan.block = at;
  if (left >= kBlock) {
    scan.mask = scan.blocks.specials(at);
  } else if (left == 0) {
    scan.mask = 0;
  } else if (static_cast<std::size_t>(scan.end - scan.begin) >= kBlock) {
    // The last partial block: the 64 bytes that end with the document, what lies before the cursor shifted out.
    scan.mask = scan.blocks.specials(scan.end - kBlock) >> (kBlock - left);
  } else {
    std::uint8_t copy[kBlock] = {};
    std::memcpy(copy, at, left);
    scan.mask = scan.blocks.specials(copy) & ((std::uint64_t{1} << left) - 1);
  }
}

// The block behind the last one, where a string goes on; false at the end of the document.
AXONPUSH_JSON_INLINE bool load_next(Scan& scan) {
  const std::uint8_t* const at = scan.block + kBlock;
  if (scan.end - at >= static_cast<std::ptrdiff_t>(kBlock)) [[likely]] {
    scan.block = at;
    scan.mask = scan.blocks.specials(at);
    return true;
  }
  if (at >= scan.end) return false;
  load_block(scan, at);
  return true;
}

// A string that is more than its plain characters: from an escape, or what must be one, to the closing quote.
AXONPUSH_JSON_TARGET __attribute__((noinline)) const std::uint8_t* escaped_end(const std::uint8_t* at, const Task& task,
                                                                               const std::uint8_t* end,
                                                                               Findings& findings) {
  Scan scan{task.begin, end, at, 0, 0, {}};
  load_block(scan, at);
  for (;;) {
    if (*at == '"') break;
    if (*at != '\\') return fail(findings, Fault::control, at);  // RFC 8259 7: control characters must be escaped
    at = escape_end(at, end, findings);
    if (at == nullptr) return nullptr;
    const auto used = static_cast<std::size_t>(at - scan.block);
    scan.mask = used < kBlock ? scan.mask >> used << used : 0;
    if (used >= kBlock) load_block(scan, at);
    while (scan.mask == 0) {
      if (!load_next(scan)) return fail(findings, Fault::cut_off, end);
    }
    at = scan.block + __builtin_ctzll(scan.mask);
  }
  findings.high_bytes |= scan.blocks.high();
  return at;
}

// From an opening quote to the closing one. Where there is an escape `*escapes` becomes true, if it is wanted.
AXONPUSH_JSON_INLINE const std::uint8_t* string_end(Scan& scan, const std::uint8_t* at, const Task& task, bool* escapes,
                                                    Findings& findings) {
  if (scan.mask == 0) [[unlikely]]
    load_block(scan, at);
  scan.mask &= scan.mask - 1;
  while (scan.mask == 0) [[unlikely]] {
      if (static_cast<std::size_t>(scan.end - scan.block) <= kBlock) return fail(findings, Fault::cut_off, scan.end);
      load_block(scan, scan.block + kBlock);
    }
  at = scan.block + __builtin_ctzll(scan.mask);
  scan.mask &= scan.mask - 1;
  if (*at == '"') [[likely]]
    return at;
  scan.mask = 0;
  if (escapes != nullptr) *escapes = true;
  return escaped_end(at, task, scan.end, findings);
}

template <bool kCareful>
AXONPUSH_JSON_INLINE std::uint8_t byte_at(const Scan& scan, const std::uint8_t* at) {
  if constexpr (kCareful) return at < scan.end ? *at : std::uint8_t{0};
  return *at;
}

template <bool kCareful>
AXONPUSH_JSON_INLINE void skip_spaces(Scan& scan, const std::uint8_t*& at) {
  for (std::uint8_t byte = byte_at<kCareful>(scan, at); is_space(byte); byte = byte_at<kCareful>(scan, ++at)) {
    if (byte != ' ') scan.mask = 0;
  }
}

// True when `wanted`, no white space itself, stands at the cursor, or behind white space.
template <bool kCareful>
AXONPUSH_JSON_INLINE bool arrives(Scan& scan, const std::uint8_t*& at, std::uint8_t wanted) {
  if (byte_at<kCareful>(scan, at) == wanted) [[likely]]
    return true;
  skip_spaces<kCareful>(scan, at);
  return byte_at<kCareful>(scan, at) == wanted;
}

// The first byte of a value, which is most often a quote.
template <bool kCareful>
AXONPUSH_JSON_INLINE std::uint8_t value_begin(Scan& scan, const std::uint8_t*& at) {
  const std::uint8_t byte = byte_at<kCareful>(scan, at);
  if (byte > ' ') [[likely]]
    return byte;
  skip_spaces<kCareful>(scan, at);
  return byte_at<kCareful>(scan, at);
}

// A number, true, false or null.
template <bool kCareful>
AXONPUSH_JSON_INLINE const std::uint8_t* literal_or_number_end(const Scan& scan, const std::uint8_t* at,
                                                               std::uint8_t first, Findings& findings) {
  if constexpr (!kCareful) {
    // A whole number that does not begin with 0 or a sign: digits, and then something that ends it.
    if (static_cast<std::uint8_t>(first - '1') < 9) {
      const std::uint8_t* digit = at + 1;
      while (is_digit(*digit)) ++digit;
      if (*digit != '.' && (*digit | 0x20) != 'e' && digit - at <= kFiniteDigits) return digit;
    } else if (scan.end - at > 4) {
      if (load_word(at) == kTrue || load_word(at) == kNull) return at + 4;
      if (first == 'f' && load_word(at + 1) == kAlse) return at + 5;
    }
  }
  return scalar_end(at, scan.end, findings);
}

// A whole object or array, of any depth: from its opening bracket to the byte behind its closing one. `path` holds one
// bit a level, set for an object, so a million brackets take no more memory than one.
template <bool kCareful>
AXONPUSH_JSON_INLINE const std::uint8_t* container_end(Scan& scan, const std::uint8_t* at, const Task& task,
                                                       std::size_t depth_left, Findings& findings) {
  std::uint64_t path = 0;
  std::size_t depth = 0;
  std::uint8_t byte = *at;

open:
  if (depth == depth_left) return fail(findings, Fault::too_deep, at);
  ++depth;
  path = path << 1 | (byte == '{' ? 1U : 0U);
  ++at;
  if (byte == '{') {
    if (arrives<kCareful>(scan, at, '"')) goto key;
    if (byte_at<kCareful>(scan, at) == '}') goto close;
    return fail_at(scan, findings, at);
  }
  if (arrives<kCareful>(scan, at, ']')) goto close;
  goto value;

key:
  at = string_end(scan, at, task, nullptr, findings);
  if (at == nullptr) return nullptr;
  ++at;
  if (!arrives<kCareful>(scan, at, ':')) return fail_at(scan, findings, at);
  ++at;

value:
  byte = value_begin<kCareful>(scan, at);
  if (kCareful && scan.nodes_left-- == 0) return fail(findings, Fault::too_many, at);
  if (byte == '"') {
    at = string_end(scan, at, task, nullptr, findings);
    if (at == nullptr) return nullptr;
    ++at;
  } else if (byte == '{' || byte == '[') {
    goto open;
  } else {
    at = literal_or_number_end<kCareful>(scan, at, byte, findings);
    if (at == nullptr) return nullptr;
  }

after:
  if (arrives<kCareful>(scan, at, ',')) {
    ++at;
    if ((path & 1) == 0) goto value;
    if (arrives<kCareful>(scan, at, '"')) goto key;
    return fail_at(scan, findings, at);
  }
  if (byte_at<kCareful>(scan, at) != ((path & 1) != 0 ? '}' : ']')) return fail_at(scan, findings, at);

close:
  ++at;
  path >>= 1;
  if (--depth == 0) return at;
  if (!kCareful && at == scan.end) return fail(findings, Fault::cut_off, at);
  goto after;
}

[[nodiscard]] constexpr Kind kind_of(std::uint8_t first) noexcept {
  if (first == '"') return Kind::string;
  if (first == '{') return Kind::object;
  if (first == '[') return Kind::array;
  if (first <= '9') return Kind::number;
  return first == 'n' ? Kind::null : Kind::boolean;
}

// The root object: the same, its members told.
template <bool kCareful>
AXONPUSH_JSON_INLINE const std::uint8_t* members_end(Scan& scan, const std::uint8_t* at, const Task& task,
                                                     Findings& findings) {
  Member spare;  // takes the members that find no room
  Member* slot = task.capacity != 0 ? task.members : &spare;
  std::size_t count = 0;
  ++at;
  if (!arrives<kCareful>(scan, at, '"')) {
    if (byte_at<kCareful>(scan, at) != '}') return fail_at(scan, findings, at);
    return at + 1;
  }
  for (;;) {
    slot->key_escaped = false;
    const std::uint8_t* const key_end = string_end(scan, at, task, &slot->key_escaped, findings);
    if (key_end == nullptr) return nullptr;
    slot->key = text_of({at + 1, key_end});
    at = key_end + 1;
    if (!arrives<kCareful>(scan, at, ':')) return fail_at(scan, findings, at);
    ++at;

    if (byte_at<kCareful>(scan, at) != '"') [[unlikely]]
      skip_spaces<kCareful>(scan, at);
    const std::uint8_t* const value = at;
    if (kCareful && scan.nodes_left-- == 0) return fail(findings, Fault::too_many, at);
    const std::uint8_t first = byte_at<kCareful>(scan, at);
    if (first == '"') [[likely]] {
      slot->value.kind = Kind::string;
      slot->value.may_have_escapes = false;
      at = string_end(scan, at, task, &slot->value.may_have_escapes, findings);
      if (at == nullptr) return nullptr;
      ++at;
    } else {
      slot->value.kind = kind_of(first);
      slot->value.may_have_escapes = true;
      if (first == '{' || first == '[') {
        at = container_end<kCareful>(scan, at, task, task.depth - 1, findings);
        if (!kCareful && at == scan.end) return fail(findings, Fault::cut_off, at);
      } else {
        at = literal_or_number_end<kCareful>(scan, at, first, findings);
      }
      if (at == nullptr) return nullptr;
    }
    slot->value.raw = text_of({value, at});
    ++count;
    slot = count < task.capacity ? slot + 1 : &spare;

    if (!arrives<kCareful>(scan, at, ',')) {
      if (byte_at<kCareful>(scan, at) != '}') return fail_at(scan, findings, at);
      break;
    }
    ++at;
    // RFC 8259 4: no comma behind the last member.
    if (!arrives<kCareful>(scan, at, '"')) return fail_at(scan, findings, at);
  }
  findings.count = count;
  return at + 1;
}

template <bool kCareful>
AXONPUSH_JSON_TARGET __attribute__((noinline)) void walk_from(const Task& task, const std::uint8_t* at,
                                                              const std::uint8_t* end, Findings& findings) {
  Scan scan{task.begin, end, at, 0, task.nodes, {}};
  const std::uint8_t* const root = at;
  const std::uint8_t first = *root;
  if (kCareful && scan.nodes_left-- == 0) {
    static_cast<void>(fail(findings, Fault::too_many, at));
    return;
  }
  if (task.depth == 0 && (first == '{' || first == '[')) {
    static_cast<void>(fail(findings, Fault::too_deep, at));
    return;
  }
  bool escapes = first != '"';
  if (task.object_only) {
    at = members_end<kCareful>(scan, at, task, findings);
  } else if (first == '{' || first == '[') {
    at = container_end<kCareful>(scan, at, task, task.depth, findings);
  } else if (first == '"') {
    at = string_end(scan, at, task, &escapes, findings);
    if (at != nullptr) ++at;
  } else {
    at = literal_or_number_end<kCareful>(scan, at, first, findings);
  }
  if (at == nullptr) return;
  findings.root.raw = text_of({root, at});
  findings.root.kind = kind_of(first);
  findings.root.may_have_escapes = escapes;
  findings.high_bytes |= scan.blocks.high();
  // RFC 8259 2: one value, and nothing but white space around it, which is off already at the end.
  if (at == end) return;
  while (is_space(*at)) ++at;
  static_cast<void>(fail(findings, Fault::trailing, at));
}

AXONPUSH_JSON_TARGET void walk(const Task& task, Findings& findings) noexcept {
  const std::uint8_t* at = task.begin;
  while (at != task.end && is_space(*at)) ++at;
  if (at == task.end) {
    static_cast<void>(fail(findings, Fault::empty, at));
    return;
  }
  if (task.object_only && *at != '{') {
    static_cast<void>(fail(findings, Fault::not_object, at));
    return;
  }
  const std::uint8_t* end = task.end;
  while (is_space(end[-1])) --end;
  const std::uint8_t last = end[-1];
  const auto size = static_cast<std::size_t>(end - at);
  const bool closed = size > 1 && ((*at == '{' && last == '}') || (*at == '[' && last == ']'));
  // A value takes at least one byte, and a comma, a colon or a bracket another.
  if (closed && size / 2 < task.nodes) {
    walk_from<false>(task, at, end, findings);
    // Malformed text may open a value with every byte: whether the limit or the fault comes first is to be counted.
    if (findings.fault == Fault::none || size <= task.nodes) return;
    findings = Findings();
  }
  walk_from<true>(task, at, end, findings);
}

#undef AXONPUSH_JSON_INLINE
