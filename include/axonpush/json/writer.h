// Writes JSON (RFC 8259) into a caller's span. Commas and quotes are the writer's business; invalid UTF-8 is refused.
//
// Once something was refused or did not fit, ok() stays false and size() tells nothing. The caller balances begin and
// end, and puts a key before each value of an object. Thread rule: none, a value.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/error.h>

namespace axonpush::inline v0::json {

class Writer {
 public:
  explicit Writer(MutableBytes into) noexcept : into_(into) {}

  void begin_object() noexcept;
  void end_object() noexcept;
  void begin_array() noexcept;
  void end_array() noexcept;
  void key(std::string_view name) noexcept;
  void string(std::string_view text) noexcept;
  void integer(std::int64_t value) noexcept;
  void unsigned_integer(std::uint64_t value) noexcept;
  void real(double value) noexcept;  // shortest text that reads back the same; NaN and infinity are refused
  void boolean(bool value) noexcept;
  void null() noexcept;
  // Bytes that are known to be a JSON value.
  void raw(std::string_view json) noexcept;
  // key and string in one, only when `text` is not empty.
  void optional_string(std::string_view name, std::string_view text) noexcept;

  [[nodiscard]] bool ok() const noexcept { return failure_ == Failure::none; }
  enum class Failure : std::uint8_t {
    none,
    does_not_fit,
    invalid_utf8,
    invalid_number
  };
  [[nodiscard]] Failure failure() const noexcept { return failure_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view view() const noexcept { return text_of(into_.first(size_)); }

 private:
  // Room for `count` bytes, behind a comma where one belongs; nullptr when there is none.
  [[nodiscard]] std::uint8_t* begin_value(std::size_t count) noexcept;
  void put_token(std::string_view token) noexcept;
  void open(char bracket) noexcept;
  void close(char bracket) noexcept;
  void put_string(std::string_view text, char behind) noexcept;
  void fail(Failure failure) noexcept;

  MutableBytes into_;
  std::size_t size_ = 0;
  Failure failure_ = Failure::none;
  bool comma_ = false;
};

// The bytes that Writer::string takes for `text`, quotes included.
[[nodiscard]] std::size_t string_size(std::string_view text) noexcept;

// Marks text as JSON that is to go in as it is: json::raw("[1,2]"). Whoever takes it validates it.
struct Raw {
  std::string_view text;
};
[[nodiscard]] constexpr Raw raw(std::string_view text) noexcept { return {text}; }

}  // namespace axonpush::inline v0::json
