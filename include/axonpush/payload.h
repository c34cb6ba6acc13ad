// What a message says: a JSON object, made from its text or from a list of members.
//
//   .payload = R"({"text":"hello"})"
//   .payload = {{"text", "hello"}, {"n", 3}, {"tags", json::raw("[1,2]")}, {"inner", {{"deep", true}}}}
//
// It is validated and copied at once, into the Payload itself or, over 1 KiB, into one block of the heap: nothing it
// was made from needs to live on. What cannot be published (invalid JSON, ill-formed UTF-8, no object, an exhausted
// heap) is remembered as an Error, which publish answers with. Thread rule: a value.
#pragma once

#include <axonpush/base/error.h>
#include <axonpush/json/writer.h>

#include <concepts>
#include <initializer_list>
#include <type_traits>

namespace axonpush::inline v0 {

class PayloadMember;

namespace detail {

// const char*, std::string_view, std::string, and whatever else turns into a view; not nullptr.
template <class T>
concept PayloadText =
    std::convertible_to<const T&, std::string_view> && !std::same_as<std::remove_cvref_t<T>, std::nullptr_t>;
template <class T>
concept PayloadBoolean = std::same_as<T, bool>;
// Integers of every width, but no characters: 'x' is more likely a mistake for "x" than a number.
template <class T>
concept PayloadInteger = std::integral<T> && sizeof(T) <= sizeof(std::uint64_t) && !std::same_as<T, bool> &&
                         !std::same_as<T, char> && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                         !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;
template <class T>
concept PayloadReal = std::same_as<T, float> || std::same_as<T, double>;

// A view of the text; `missing` for a null pointer.
struct PayloadView {
  std::string_view text;
  bool missing = false;
  template <PayloadText T>
  [[nodiscard]] static constexpr PayloadView of(const T& from) noexcept {
    if constexpr (std::is_convertible_v<const T&, const char*>) {
      const char* const pointer = from;
      if (pointer == nullptr) return {{}, true};
      return {pointer};
    } else {
      return {from};
    }
  }
};

}  // namespace detail

// A member's name. A type of its own, so that two strings in braces cannot be taken for a pair of iterators.
class PayloadKey {
 public:
  template <detail::PayloadText T>
  constexpr PayloadKey(const T& name) noexcept : view_(detail::PayloadView::of(name)) {}

 private:
  friend class Payload;
  detail::PayloadView view_;
};

// A member's value: text, an integer, a double, a bool, nullptr (JSON's null), json::raw(...), or a list of members,
// which is an object ({} is the empty one). It refers to what it was made from: it is for argument lists, not for
// variables.
class PayloadValue {
 public:
  constexpr PayloadValue(std::nullptr_t) noexcept : kind_(Kind::null) {}
  template <detail::PayloadBoolean T>
  constexpr PayloadValue(T value) noexcept : kind_(Kind::boolean), unsigned_integer_(value ? 1 : 0) {}
  template <detail::PayloadInteger T>
  constexpr PayloadValue(T value) noexcept
      : kind_(std::is_signed_v<T> ? Kind::integer : Kind::unsigned_integer),
        unsigned_integer_(static_cast<std::uint64_t>(value)) {}
  template <detail::PayloadReal T>
  constexpr PayloadValue(T value) noexcept : kind_(Kind::real), real_(value) {}
  template <detail::PayloadText T>
  constexpr PayloadValue(const T& text) noexcept : kind_(Kind::text), view_(detail::PayloadView::of(text)) {}
  constexpr PayloadValue(json::Raw raw) noexcept : kind_(Kind::raw), view_{raw.text} {}
  constexpr PayloadValue(std::initializer_list<PayloadMember> members) noexcept
      : kind_(Kind::members), members_{members.begin(), members.size()} {}

 private:
  friend class Payload;
  enum class Kind : std::uint8_t {
    null,
    boolean,
    integer,
    unsigned_integer,
    real,
    text,
    raw,
    members
  };
  struct List {
    const PayloadMember* first;
    std::size_t count;
  };
  Kind kind_;
  union {
    std::uint64_t unsigned_integer_ = 0;  // also the bits of an integer
    double real_;
    detail::PayloadView view_;
    List members_;
  };
};

class PayloadMember {
 public:
  constexpr PayloadMember(PayloadKey key, PayloadValue value) noexcept : key_(key), value_(value) {}

 private:
  friend class Payload;
  PayloadKey key_;
  PayloadValue value_;
};

class Payload {
 public:
  static constexpr std::size_t kInlineBytes = 1024;

  // Absent: publish refuses it. An empty object is Payload("{}").
  Payload() noexcept {}
  template <detail::PayloadText T>
  Payload(const T& json) noexcept {
    take(detail::PayloadView::of(json), Keep::copied);
  }
  Payload(std::initializer_list<PayloadMember> members) noexcept { take({members.begin(), members.size()}); }
  Payload(std::nullptr_t) = delete;
  // Validated like any other, but not copied: `json` must live until the call that takes the Payload returns. A copy of
  // it borrows from the same text.
  [[nodiscard]] static Payload borrowed(std::string_view json) noexcept {
    Payload payload;
    payload.take({json}, Keep::borrowed);
    return payload;
  }

  // On an exhausted heap the copy remembers no_memory.
  Payload(const Payload& other) noexcept;
  // What was moved from is absent.
  Payload(Payload&& other) noexcept;
  Payload& operator=(const Payload& other) noexcept;
  Payload& operator=(Payload&& other) noexcept;
  ~Payload() { clear(); }

  // payload_invalid, payload_too_large or no_memory; payload_invalid also for an absent one.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  // The object's text, without white space around it; empty where there is an error. Lives as long as the Payload is
  // neither moved nor changed.
  [[nodiscard]] std::string_view json() const noexcept { return {place_ == Place::inlined ? inline_ : text_, size_}; }
  [[nodiscard]] bool absent() const noexcept { return place_ == Place::none && !given_; }

 private:
  enum class Keep : std::uint8_t {
    copied,
    borrowed
  };
  enum class Place : std::uint8_t {
    none,
    inlined,
    heap,
    borrowed
  };
  struct Serializer;

  void take(detail::PayloadView json, Keep keep) noexcept;
  void take(PayloadValue::List members) noexcept;
  [[nodiscard]] char* reserve(std::size_t size) noexcept;
  void assign(const Payload& other) noexcept;
  void steal(Payload& other) noexcept;
  void fail(Error error) noexcept;
  void clear() noexcept;

  const char* text_ = nullptr;  // of Place::heap and Place::borrowed
  std::size_t size_ = 0;
  Place place_ = Place::none;
  bool given_ = false;
  Error error_{Errc::payload_invalid, "a payload is required"};
  char inline_[kInlineBytes];  // only the first size_ bytes are ever written
};

}  // namespace axonpush::inline v0
