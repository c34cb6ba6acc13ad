#include <axonpush/json/reader.h>
#include <axonpush/limits.h>
#include <axonpush/payload.h>

#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0 {

namespace {

// Ours alone, so the number of values needs no limit: reading is linear, and the bytes are limited already.
constexpr json::Limits kPayloadLimits{limits::kJsonBytes, limits::kJsonDepth, SIZE_MAX};

// What the reader says about the caller's text, as the caller's mistake.
Error as_payload_error(const Error& error) noexcept {
  const Errc code = error.code() == Errc::json_too_large ? Errc::payload_too_large : Errc::payload_invalid;
  return Error(code, error.what().data()).at(error.offset()).by(error.clause().data());
}

}  // namespace

// Writes a list of members, level by level as deep as the source code nests its braces.
struct Payload::Serializer {
  json::Writer writer;
  Error error;

  void object(PayloadValue::List members, std::size_t depth) noexcept {
    if (depth == kPayloadLimits.depth) return refuse("nested deeper than the limit");
    writer.begin_object();
    for (std::size_t at = 0; at < members.count && !error; ++at) {
      const PayloadMember& member = members.first[at];
      if (member.key_.view_.missing) return refuse("a member's name is a null pointer");
      writer.key(member.key_.view_.text);
      value(member.value_, depth + 1);
    }
    writer.end_object();
  }

  void value(const PayloadValue& value, std::size_t depth) noexcept {
    using Kind = PayloadValue::Kind;
    switch (value.kind_) {
      case Kind::null:
        return writer.null();
      case Kind::boolean:
        return writer.boolean(value.unsigned_integer_ != 0);
      case Kind::integer:
        return writer.integer(static_cast<std::int64_t>(value.unsigned_integer_));
      case Kind::unsigned_integer:
        return writer.unsigned_integer(value.unsigned_integer_);
      case Kind::real:
        return writer.real(value.real_);
      case Kind::text:
        return value.view_.missing ? refuse("a member's text is a null pointer") : writer.string(value.view_.text);
      case Kind::raw:
        return raw(value.view_.text, depth);
      case Kind::members:
        return object(value.members_, depth);
    }
  }

  // Each one by itself: 1,"x":2 would pass as a part of a valid whole.
  void raw(std::string_view json, std::size_t depth) noexcept {
    json::Limits limits = kPayloadLimits;
    limits.depth -= depth;
    json::Value root;
    if (const Error fault = json::validate(bytes_of(json), limits, root)) {
      error = as_payload_error(fault);
      return;
    }
    writer.raw(root.raw);
  }

  void refuse(const char* what) noexcept { error = Error(Errc::payload_invalid, what); }

  // The bytes it will take, exact but for numbers.
  [[nodiscard]] static std::size_t size_of(PayloadValue::List members) noexcept {
    std::size_t size = 2;
    for (std::size_t at = 0; at < members.count; ++at) {
      const PayloadMember& member = members.first[at];
      size += json::string_size(member.key_.view_.text) + 2;  // colon and comma
      switch (member.value_.kind_) {
        case PayloadValue::Kind::text:
          size += json::string_size(member.value_.view_.text);
          break;
        case PayloadValue::Kind::raw:
          size += member.value_.view_.text.size();
          break;
        case PayloadValue::Kind::members:
          size += size_of(member.value_.members_);
          break;
        default:
          size += kScalarBytes;
      }
    }
    return size;
  }
  static constexpr std::size_t kScalarBytes = 32;  // the longest double takes 24
};

void Payload::take(detail::PayloadView json, Keep keep) noexcept {
  given_ = true;
  if (json.missing) return fail(Error(Errc::payload_invalid, "the payload is a null pointer"));
  json::Value root;
  if (const Error error = json::validate(bytes_of(json.text), kPayloadLimits, root)) {
    return fail(as_payload_error(error));
  }
  if (root.kind != json::Kind::object) return fail(Error(Errc::payload_invalid, "the payload is not an object"));
  error_ = Error();
  if (keep == Keep::borrowed) {
    place_ = Place::borrowed;
    text_ = root.raw.data();
    size_ = root.raw.size();
    return;
  }
  char* const into = reserve(root.raw.size());
  if (into == nullptr) return;
  std::memcpy(into, root.raw.data(), root.raw.size());
  size_ = root.raw.size();
}

void Payload::take(PayloadValue::List members) noexcept {
  given_ = true;
  error_ = Error();
  // Most fit in place; only one that does not is measured and written again.
  char* into = reserve(kInlineBytes);
  std::size_t room = kInlineBytes;
  for (;;) {
    Serializer serializer{json::Writer({reinterpret_cast<std::uint8_t*>(into), room}), Error()};
    serializer.object(members, 0);
    if (serializer.error) return fail(std::move(serializer.error));
    using Failure = json::Writer::Failure;
    switch (serializer.writer.failure()) {
      case Failure::none:
        size_ = serializer.writer.size();
        return;
      case Failure::invalid_utf8:
        return fail(Error(Errc::payload_invalid, "ill-formed UTF-8").by("RFC 8259 8.1"));
      case Failure::invalid_number:
        return fail(Error(Errc::payload_invalid, "neither infinity nor NaN is a JSON number").by("RFC 8259 6"));
      case Failure::does_not_fit:
        break;
    }
    if (room == kPayloadLimits.bytes) {
      return fail(Error(Errc::payload_too_large, "more bytes than the limit").at(room));
    }
    if (place_ == Place::heap) return fail(Error(Errc::internal, "a payload was measured too small"));
    const std::size_t needed = Serializer::size_of(members);
    room = needed < kPayloadLimits.bytes ? needed : kPayloadLimits.bytes;
    into = reserve(room);
    if (into == nullptr) return;
  }
}

// Room for `size` bytes; nullptr, and the error remembered, on an exhausted heap.
char* Payload::reserve(std::size_t size) noexcept {
  if (size <= kInlineBytes) {
    place_ = Place::inlined;
    return inline_;
  }
  // The block begins with its size: Place::heap is rare, and the header shall not grow for it.
  auto* const block = static_cast<char*>(allocate(sizeof(std::size_t) + size));
  if (block == nullptr) {
    fail(Error(Errc::no_memory, "no memory for a payload"));
    return nullptr;
  }
  std::memcpy(block, &size, sizeof size);
  place_ = Place::heap;
  char* const into = block + sizeof(std::size_t);
  text_ = into;
  return into;
}

void Payload::clear() noexcept {
  if (place_ == Place::heap) {
    char* const block = const_cast<char*>(text_) - sizeof(std::size_t);
    std::size_t size = 0;
    std::memcpy(&size, block, sizeof size);
    deallocate(block, sizeof(std::size_t) + size);
  }
  place_ = Place::none;
  text_ = nullptr;
  size_ = 0;
}

void Payload::fail(Error error) noexcept {
  clear();
  error_ = std::move(error);
}

void Payload::assign(const Payload& other) noexcept {
  given_ = other.given_;
  error_ = other.error_;
  if (other.place_ == Place::none) return;
  if (other.place_ == Place::borrowed) {
    place_ = Place::borrowed;
    text_ = other.text_;
    size_ = other.size_;
    return;
  }
  char* const into = reserve(other.size_);
  if (into == nullptr) return;
  std::memcpy(into, other.json().data(), other.size_);
  size_ = other.size_;
}

void Payload::steal(Payload& other) noexcept {
  given_ = std::exchange(other.given_, false);
  error_ = std::exchange(other.error_, Error(Errc::payload_invalid, "a payload is required"));
  place_ = std::exchange(other.place_, Place::none);
  text_ = std::exchange(other.text_, nullptr);
  size_ = std::exchange(other.size_, 0);
  if (place_ == Place::inlined) std::memcpy(inline_, other.inline_, size_);
}

Payload::Payload(const Payload& other) noexcept { assign(other); }
Payload::Payload(Payload&& other) noexcept { steal(other); }

Payload& Payload::operator=(const Payload& other) noexcept {
  if (this == &other) return *this;
  clear();
  assign(other);
  return *this;
}

Payload& Payload::operator=(Payload&& other) noexcept {
  if (this == &other) return *this;
  clear();
  steal(other);
  return *this;
}

}  // namespace axonpush::inline v0
