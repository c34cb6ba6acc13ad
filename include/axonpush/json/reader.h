// RFC 8259 in place: the whole document validated in one pass, top-level members handed out as raw slices.
//
// No byte outside the given span is read. Iterative: depth costs bits, not stack. Lifetime: every view points into the
// document. Thread rule: none, pure functions over caller's memory.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/error.h>
#include <axonpush/base/result.h>
#include <axonpush/limits.h>

#include <new>

namespace axonpush::inline v0::json {

enum class Kind : std::uint8_t {
  absent,
  null,
  boolean,
  number,
  string,
  array,
  object
};

// A validated value as it stands in the document: a string with its quotes and escapes.
struct Value {
  std::string_view raw;
  Kind kind = Kind::absent;
  bool may_have_escapes = true;  // the reader says false for a string that holds none

  [[nodiscard]] explicit operator bool() const noexcept { return kind != Kind::absent; }
  // A string without escapes, as it is; false otherwise (then `unescape` into scratch).
  [[nodiscard]] bool plain_text(std::string_view& text) const noexcept {
    if (may_have_escapes) return looked_through(text);
    text = {raw.data() + 1, raw.size() - 2};
    return true;
  }
  // A string with its escapes undone into `scratch` (raw.size() bytes are enough); false when it is no string or does
  // not fit. `text` views the document where nothing had to be undone, else the scratch.
  [[nodiscard]] bool text(MutableBytes scratch, std::string_view& text) const noexcept {
    return plain_text(text) || unescaped(scratch, text);
  }
  [[nodiscard]] bool boolean(bool& value) const noexcept;
  // Exact: false for a fraction, an exponent, what does not fit, and -0, whose sign only real() keeps.
  [[nodiscard]] bool integer(std::int64_t& value) const noexcept;
  [[nodiscard]] bool unsigned_integer(std::uint64_t& value) const noexcept;
  // Any number, correctly rounded.
  [[nodiscard]] bool real(double& value) const noexcept;

  // plain_text and text where it is not known that there is no escape.
  [[nodiscard]] bool looked_through(std::string_view& text) const noexcept;
  [[nodiscard]] bool unescaped(MutableBytes scratch, std::string_view& text) const noexcept;
};

struct Member {
  std::string_view key;  // between the quotes, escapes not undone
  Value value;
  bool key_escaped = false;
};

// Room for members that costs nothing to make: what read_object has not filled may not be read.
template <std::size_t Capacity>
class Members {
 public:
  // For read_object.
  [[nodiscard]] std::span<Member> room() noexcept {
    return {std::launder(reinterpret_cast<Member*>(storage_)), Capacity};
  }
  // The first `count` as read_object told it, or all there are.
  [[nodiscard]] std::span<Member> first(std::size_t count) noexcept {
    return room().first(count < Capacity ? count : Capacity);
  }

 private:
  // A Member is an aggregate that is trivial to copy and destroy, so an array of bytes makes them by itself.
  alignas(Member) unsigned char storage_[sizeof(Member) * Capacity];
};

struct Limits {
  std::size_t bytes = limits::kJsonBytes;
  std::size_t depth = limits::kJsonDepth;  // 64 at most: more is taken for 64
  std::size_t nodes = limits::kJsonNodes;  // values of any kind, the root one of them
};

// Validates `document` (one value, nothing but white space around it); an Error (json_invalid, json_too_deep,
// json_too_large, payload never quoted) with the offset otherwise. `root` is the value.
[[nodiscard]] Error validate(Bytes document, const Limits& limits, Value& root) noexcept;

// The same for a document that must be an object; its top-level members go into `members` in their order, up to the
// span's size (`count` tells how many there are, which may be more). Equal keys all stand there: which of them counts
// is the caller's business, see find_member. On an Error nothing of `members` may be read.
[[nodiscard]] Error read_object(Bytes document, const Limits& limits, std::span<Member> members,
                                std::size_t& count) noexcept;

// Walks the members of a validated object, or the elements of a validated array.
class Cursor {
 public:
  explicit Cursor(const Value& container) noexcept;
  // For an array `member.key` is empty. False at the end.
  [[nodiscard]] bool next(Member& member) noexcept;

 private:
  std::string_view left_;
  bool object_ = false;
};

// Undoes the escapes of what stands between a validated string's quotes (Member::key, or a Value's text). False when
// the scratch is too small; escaped.size() bytes always suffice.
[[nodiscard]] bool unescape(std::string_view escaped, MutableBytes scratch, std::string_view& text) noexcept;

// True when the key, escapes undone, equals `name` (plain ASCII).
[[nodiscard]] bool key_equals(const Member& member, std::string_view name) noexcept;

// How many members have that key; `value` is the last one's, or absent. RFC 8259 4 leaves equal keys to the receiver:
// an event takes the last, credentials refuse more than one.
[[nodiscard]] std::size_t find_member(std::span<const Member> members, std::string_view name, Value& value) noexcept;
[[nodiscard]] std::size_t find_member(const Value& object, std::string_view name, Value& value) noexcept;

}  // namespace axonpush::inline v0::json
