// The walk itself, compiled once for each processor variant: no #pragma once, because each walk_*.cc includes it within
// a namespace of its own. Before that the file defines
//   AXONPUSH_JSON_TARGET   the attribute that lets the compiler use the variant's instructions, or nothing
//   Blocks                 reads 64 bytes: specials(at) answers one bit for each quote, backslash and control
//                          character (the first byte is the lowest bit) and remembers whether a byte was over 0x7F
//
// How it works. Between strings every byte is looked at, one after the other. A string is left by the word of specials
// of its block: the lowest bit at or behind the cursor is its closing quote, or an escape, or a fault. Blocks start
// wherever the cursor is when it needs a new one; blocks without a string in them are never read.
//
// Two forms of it: when the document begins with an opening bracket and its last byte that is no white space is the
// matching closing one, that byte stops every scan between strings, so the end has to be looked for only behind a
// closing bracket, in strings and in numbers. White space behind that byte is taken off first. Any other document is a
// scalar or malformed: that is `kChecked`.

#define AXONPUSH_JSON_INLINE AXONPUSH_JSON_TARGET __attribute__((always_inline)) inline

// The cursor's state. It never leaves the function that owns it, so that it lives in registers.
struct Scan {
  const std::uint8_t* begin;
  const std::uint8_t* end;
  const std::uint8_t* block;  // what `mask` is of
  std::uint64_t mask;
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

// From the byte behind an opening quote to the closing one.
AXONPUSH_JSON_INLINE const std::uint8_t* string_end(Scan& scan, const std::uint8_t* at, bool& plain,
                                                    Findings& findings) {
  plain = true;
  for (;;) {
    if (static_cast<std::size_t>(at - scan.block) >= kBlock) [[unlikely]]
      load_block(scan, at);
    std::uint64_t ahead = scan.mask >> (at - scan.block);
    while (ahead == 0) [[unlikely]] {
        if (static_cast<std::size_t>(scan.end - scan.block) <= kBlock) return fail(findings, Fault::cut_off, scan.end);
        at = scan.block + kBlock;
        load_block(scan, at);
        ahead = scan.mask;
      }
    at += __builtin_ctzll(ahead);
    if (*at == '"') [[likely]]
      return at;
    if (*at != '\\') return fail(findings, Fault::control, at);  // RFC 8259 7: control characters must be escaped
    at = escape_end(at, scan.end, findings);
    if (at == nullptr) return nullptr;
    plain = false;
  }
}

template <bool kChecked>
AXONPUSH_JSON_INLINE std::uint8_t byte_at(const Scan& scan, const std::uint8_t* at) {
  if constexpr (kChecked) return at < scan.end ? *at : std::uint8_t{0};
  return *at;
}

// Skips white space from `at`; the byte where it stops.
template <bool kChecked>
AXONPUSH_JSON_INLINE std::uint8_t next_byte(const Scan& scan, const std::uint8_t*& at) {
  std::uint8_t byte = byte_at<kChecked>(scan, at);
  while (byte <= ' ') [[unlikely]] {
      if (!is_space(byte)) break;
      byte = byte_at<kChecked>(scan, ++at);
    }
  return byte;
}

// From the byte behind a key's closing quote to the first byte of the value.
template <bool kChecked>
AXONPUSH_JSON_INLINE const std::uint8_t* colon_end(const Scan& scan, const std::uint8_t* at, Findings& findings) {
  if (next_byte<kChecked>(scan, at) != ':') return fail_at(scan, findings, at);
  ++at;
  static_cast<void>(next_byte<kChecked>(scan, at));
  return at;
}

// A whole object or array, of any depth: from its opening bracket to the byte behind its closing one. `path` holds one
// bit a level, set for an object, so a million brackets take no more memory than one.
template <bool kChecked>
AXONPUSH_JSON_INLINE const std::uint8_t* container_end(Scan& scan, const std::uint8_t* at, std::size_t depth_left,
                                                       Findings& findings) {
  std::uint64_t path = 0;
  std::size_t depth = 0;
  bool plain = false;
  Kind kind = Kind::absent;
  std::uint8_t byte = *at;

open:
  if (depth == depth_left) return fail(findings, Fault::too_deep, at);
  ++depth;
  path = path << 1 | (byte == '{' ? 1U : 0U);
  ++at;
  if (byte == '{') {
    byte = next_byte<kChecked>(scan, at);
    if (byte == '}') goto close;
    goto key;
  }
  byte = next_byte<kChecked>(scan, at);
  if (byte == ']') goto close;
  goto value;

key:
  if (byte != '"') return fail_at(scan, findings, at);
  at = string_end(scan, at + 1, plain, findings);
  if (at == nullptr) return nullptr;
  at = colon_end<kChecked>(scan, at + 1, findings);
  if (at == nullptr) return nullptr;
  byte = byte_at<kChecked>(scan, at);

value:
  if (scan.nodes_left-- == 0) return fail(findings, Fault::too_many, at);
  if (byte == '"') {
    at = string_end(scan, at + 1, plain, findings);
    if (at == nullptr) return nullptr;
    ++at;
  } else if (byte == '{' || byte == '[') {
    goto open;
  } else {
    at = scalar_end(at, scan.end, kind, findings);
    if (at == nullptr) return nullptr;
  }

after:
  byte = next_byte<kChecked>(scan, at);
  if (byte == ',') {
    ++at;
    byte = next_byte<kChecked>(scan, at);
    if ((path & 1) != 0) goto key;
    goto value;
  }
  if (byte != ((path & 1) != 0 ? '}' : ']')) return fail_at(scan, findings, at);

close:
  ++at;
  path >>= 1;
  if (--depth == 0) return at;
  if (!kChecked && at == scan.end) return fail(findings, Fault::cut_off, at);
  goto after;
}

// The root object: the same, its members told.
template <bool kChecked>
AXONPUSH_JSON_INLINE const std::uint8_t* members_end(Scan& scan, const std::uint8_t* at, const Task& task,
                                                     Findings& findings) {
  Member* slot = task.members;
  Member* const slots_end = task.members + task.capacity;
  std::size_t unslotted = 0;
  ++at;
  std::uint8_t byte = next_byte<kChecked>(scan, at);
  while (byte != '}') {
    if (byte != '"') return fail_at(scan, findings, at);
    bool key_plain = false, plain = false;
    const std::uint8_t* const key = at + 1;
    const std::uint8_t* const key_end = string_end(scan, key, key_plain, findings);
    if (key_end == nullptr) return nullptr;
    at = colon_end<kChecked>(scan, key_end + 1, findings);
    if (at == nullptr) return nullptr;
    if (scan.nodes_left-- == 0) return fail(findings, Fault::too_many, at);

    const std::uint8_t* const value = at;
    byte = byte_at<kChecked>(scan, at);
    Kind kind = Kind::string;
    if (byte == '"') [[likely]] {
      at = string_end(scan, at + 1, plain, findings);
      if (at == nullptr) return nullptr;
      ++at;
    } else if (byte == '{' || byte == '[') {
      kind = byte == '{' ? Kind::object : Kind::array;
      at = container_end<kChecked>(scan, at, task.depth - 1, findings);
      if (at == nullptr) return nullptr;
      if (!kChecked && at == scan.end) return fail(findings, Fault::cut_off, at);
    } else {
      at = scalar_end(at, scan.end, kind, findings);
      if (at == nullptr) return nullptr;
    }
    if (slot != slots_end) [[likely]] {
      slot->key = text_of({key, key_end});
      slot->value.raw = text_of({value, at});
      slot->value.kind = kind;
      slot->value.plain = plain;
      slot->key_escaped = !key_plain;
      ++slot;
    } else {
      ++unslotted;
    }

    byte = next_byte<kChecked>(scan, at);
    if (byte == ',') [[likely]] {
      ++at;
      byte = next_byte<kChecked>(scan, at);
      if (byte != '"') return fail_at(scan, findings, at);  // RFC 8259 4: no comma behind the last member
    } else if (byte != '}') {
      return fail_at(scan, findings, at);
    }
  }
  findings.count = static_cast<std::size_t>(slot - task.members) + unslotted;
  return at + 1;
}

template <bool kChecked>
AXONPUSH_JSON_TARGET __attribute__((noinline)) void walk_from(const Task& task, const std::uint8_t* at,
                                                              const std::uint8_t* end, Findings& findings) {
  Scan scan{task.begin, end, at, 0, task.nodes, {}};
  load_block(scan, at);

  const std::uint8_t* const root = at;
  const std::uint8_t first = *root;
  Kind kind = Kind::string;
  bool plain = false;
  if (scan.nodes_left-- == 0) {
    static_cast<void>(fail(findings, Fault::too_many, at));
    return;
  }
  if (task.depth == 0 && (first == '{' || first == '[')) {
    static_cast<void>(fail(findings, Fault::too_deep, at));
    return;
  }
  if (task.object_only) {
    at = members_end<kChecked>(scan, at, task, findings);
    kind = Kind::object;
  } else if (first == '{' || first == '[') {
    at = container_end<kChecked>(scan, at, task.depth, findings);
    kind = first == '{' ? Kind::object : Kind::array;
  } else if (first == '"') {
    at = string_end(scan, at + 1, plain, findings);
    if (at != nullptr) ++at;
  } else {
    at = scalar_end(at, scan.end, kind, findings);
  }
  if (at == nullptr) return;
  findings.root.raw = text_of({root, at});
  findings.root.kind = kind;
  findings.root.plain = plain;
  // RFC 8259 2: one value, and nothing but white space around it, which is off already at the end.
  if (at != scan.end) {
    while (is_space(*at)) ++at;
    static_cast<void>(fail(findings, Fault::trailing, at));
  }
  findings.high_bytes = scan.blocks.high();
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
  if (end - at > 1 && ((*at == '{' && last == '}') || (*at == '[' && last == ']'))) {
    walk_from<false>(task, at, end, findings);
  } else {
    walk_from<true>(task, at, end, findings);
  }
}

#undef AXONPUSH_JSON_INLINE
