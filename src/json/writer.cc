#include <axonpush/json/writer.h>

#include <charconv>
#include <system_error>

#include "base/utf8.h"
#include "json/number.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace axonpush::inline v0::json {

namespace {

constexpr std::size_t kIntegerBytes = 20;  // -9223372036854775808, 18446744073709551615
constexpr std::size_t kEscapeBytes = 6;    // \u001f

// RFC 8259 7: what must be escaped, and the letter of its short form; 'u' where there is none. 0: stands as it is.
constexpr struct EscapeTable {
  char letters[256] = {};
  constexpr char& at(char c) { return letters[static_cast<std::uint8_t>(c)]; }
  constexpr EscapeTable() {
    for (int control = 0; control < 0x20; ++control) letters[control] = 'u';
    at('\b') = 'b';
    at('\f') = 'f';
    at('\n') = 'n';
    at('\r') = 'r';
    at('\t') = 't';
    at('"') = '"';
    at('\\') = '\\';
  }
} kEscapes;

[[nodiscard]] char letter_of(char c) noexcept { return kEscapes.letters[static_cast<std::uint8_t>(c)]; }

struct Survey {
  bool escapes = false;
  bool high_bytes = false;
};

// Eight bytes at once, and sixteen where the processor has them: most strings are short, plain ASCII, and need nothing
// but a copy. Loads that overlap look at the last bytes, so that none is called for.
class Surveyor {
 public:
  void eight(const char* at) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    look(word);
  }
  void four_to_seven(std::string_view text) noexcept {
    std::uint32_t first = 0, last = 0;
    std::memcpy(&first, text.data(), sizeof first);
    std::memcpy(&last, text.data() + text.size() - sizeof last, sizeof last);
    look(first | std::uint64_t{last} << 32);
  }
  void one_to_three(std::string_view text) noexcept {
    std::uint64_t word = kOnes * 'a';
    for (const char c : text) word = word << 8 | static_cast<std::uint8_t>(c);
    look(word);
  }
#if defined(__SSE2__)
  void sixteen(const char* at) noexcept {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    wide_high_ = _mm_or_si128(wide_high_, bytes);
    wide_special_ = _mm_or_si128(wide_special_, _mm_or_si128(control, _mm_or_si128(quote, backslash)));
  }
  [[nodiscard]] Survey wide_found() const noexcept {
    return {_mm_movemask_epi8(wide_special_) != 0, _mm_movemask_epi8(wide_high_) != 0};
  }
#endif
  [[nodiscard]] Survey found() const noexcept { return {special_ != 0, (high_ & kHighs) != 0}; }

 private:
  static constexpr std::uint64_t kOnes = 0x0101010101010101;
  static constexpr std::uint64_t kHighs = kOnes << 7;

  void look(std::uint64_t word) noexcept {
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t backslash = word ^ (kOnes * '\\');
    high_ |= word;
    // A borrow may mark a byte next to a special one as well: only whether there is any counts here.
    special_ |= ((word - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes)) & ~word & kHighs;
  }

  std::uint64_t high_ = 0, special_ = 0;
#if defined(__SSE2__)
  __m128i wide_high_ = _mm_setzero_si128(), wide_special_ = _mm_setzero_si128();
#endif
};

[[nodiscard]] inline Survey survey(std::string_view text) noexcept {
  Surveyor surveyor;
  const char* const end = text.data() + text.size();
#if defined(__SSE2__)
  if (text.size() >= 16) {
    for (const char* at = text.data(); end - at >= 16; at += 16) surveyor.sixteen(at);
    surveyor.sixteen(end - 16);
    return surveyor.wide_found();
  }
#endif
  if (text.size() >= 8) {
    for (const char* at = text.data(); end - at >= 8; at += 8) surveyor.eight(at);
    surveyor.eight(end - 8);
  } else if (text.size() >= 4) {
    surveyor.four_to_seven(text);
  } else {
    surveyor.one_to_three(text);
  }
  return surveyor.found();
}

// Writes one escape, at most kEscapeBytes.
[[nodiscard]] std::uint8_t* put_escape(std::uint8_t* into, char c, char letter) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<std::uint8_t>(c);
  *into++ = '\\';
  *into++ = static_cast<std::uint8_t>(letter);
  if (letter != 'u') return into;
  *into++ = '0';
  *into++ = '0';
  *into++ = static_cast<std::uint8_t>(kDigits[byte >> 4]);
  *into++ = static_cast<std::uint8_t>(kDigits[byte & 15]);
  return into;
}

}  // namespace

void Writer::fail(Failure failure) noexcept {
  if (failure_ == Failure::none) failure_ = failure;
}

std::uint8_t* Writer::begin_value(std::size_t count) noexcept {
  if (!ok()) return nullptr;
  const std::size_t comma = comma_ ? 1 : 0;
  if (into_.size() - size_ < count || into_.size() - size_ - count < comma) {
    fail(Failure::does_not_fit);
    return nullptr;
  }
  if (comma_) into_[size_++] = ',';
  comma_ = true;
  return into_.data() + size_;
}

void Writer::put_token(std::string_view token) noexcept {
  std::uint8_t* const into = begin_value(token.size());
  if (into == nullptr) return;
  if (!token.empty()) std::memcpy(into, token.data(), token.size());
  size_ += token.size();
}

void Writer::open(char bracket) noexcept {
  put_token({&bracket, 1});
  comma_ = false;
}

void Writer::close(char bracket) noexcept {
  comma_ = false;
  put_token({&bracket, 1});
}

void Writer::put_string(std::string_view text, char behind) noexcept {
  const Survey found = survey(text);
  if (found.high_bytes && !utf8_valid(bytes_of(text))) return fail(Failure::invalid_utf8);  // RFC 8259 8.1
  const std::size_t frame = behind == '\0' ? 2 : 3;
  std::uint8_t* into = begin_value(text.size() + frame);
  if (into == nullptr) return;
  const std::uint8_t* const end = into_.data() + into_.size();
  *into++ = '"';
  if (!found.escapes) [[likely]] {
    if (!text.empty()) std::memcpy(into, text.data(), text.size());
    into += text.size();
  } else {
    std::size_t left = text.size();
    for (const char c : text) {
      const char letter = letter_of(c);
      // Each character still to come takes at least one byte, and the frame's closing ones are still to come too.
      if (letter == 0) {
        *into++ = static_cast<std::uint8_t>(c);
      } else {
        const std::size_t needed = (letter == 'u' ? kEscapeBytes : 2) + (left - 1) + (frame - 1);
        if (static_cast<std::size_t>(end - into) < needed) return fail(Failure::does_not_fit);
        into = put_escape(into, c, letter);
      }
      --left;
    }
  }
  *into++ = '"';
  if (behind != '\0') *into++ = static_cast<std::uint8_t>(behind);
  size_ = static_cast<std::size_t>(into - into_.data());
}

void Writer::begin_object() noexcept { open('{'); }
void Writer::end_object() noexcept { close('}'); }
void Writer::begin_array() noexcept { open('['); }
void Writer::end_array() noexcept { close(']'); }

void Writer::key(std::string_view name) noexcept {
  put_string(name, ':');
  comma_ = false;
}

void Writer::string(std::string_view text) noexcept { put_string(text, '\0'); }

void Writer::integer(std::int64_t value) noexcept {
  char digits[kIntegerBytes];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  static_cast<void>(error);
  put_token({digits, static_cast<std::size_t>(end - digits)});
}

void Writer::unsigned_integer(std::uint64_t value) noexcept {
  char digits[kIntegerBytes];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  static_cast<void>(error);
  put_token({digits, static_cast<std::size_t>(end - digits)});
}

void Writer::real(double value) noexcept {
  if (value - value != 0) return fail(Failure::invalid_number);  // RFC 8259 6: neither infinity nor NaN can be written
  char digits[kRealBytes];
  put_token({digits, write_real(value, digits)});
}

void Writer::boolean(bool value) noexcept { put_token(value ? "true" : "false"); }
void Writer::null() noexcept { put_token("null"); }
void Writer::raw(std::string_view json) noexcept { put_token(json); }

void Writer::optional_string(std::string_view name, std::string_view text) noexcept {
  if (text.empty()) return;
  key(name);
  string(text);
}

std::size_t string_size(std::string_view text) noexcept {
  std::size_t size = text.size() + 2;
  if (!survey(text).escapes) return size;
  for (const char c : text) {
    const char letter = letter_of(c);
    if (letter != 0) size += letter == 'u' ? kEscapeBytes - 1 : 1;
  }
  return size;
}

}  // namespace axonpush::inline v0::json
