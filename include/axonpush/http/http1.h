// HTTP/1.1 (RFC 9110, RFC 9112): a strict response decoder and a request writer that cannot be made to inject, and the
// server's half for the loopback service. Views into the caller's buffer, no allocation.
//
// Lifetime: views point into the bytes given to `next`; the head's live until the caller moves or consumes them.
// Thread rule: one decoder, one thread.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/error.h>
#include <axonpush/base/time.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0::http {

struct Header {
  std::string_view name;
  std::string_view value;  // without surrounding white space
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::uint8_t version_minor = 1;  // 1.0 or 1.1 and later
  std::string_view reason;
  std::span<const Header> headers;
  // The value of the first header of this name (compared without case), empty when absent.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
};

struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::uint8_t version_minor = 1;
  std::span<const Header> headers;
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
};

struct ResponseLimits {
  std::size_t head_bytes = limits::kHttpHeadBytes;
  std::size_t body_bytes = limits::kHttpBodyBytes;
};

// What the response answers: it decides whether there is a body (RFC 9112 6.3) and whether 101 is one.
struct ResponseContext {
  bool head_request = false;
  bool upgrade_requested = false;  // 101 is acceptable; everything behind its head belongs to the new protocol
  ResponseLimits limits;
};

// Decodes one response. Interim responses (1xx) are skipped. The head is handed out once it is whole, and the whole of it
// must lie in one span: feed the same front again with more behind until it is.
class ResponseDecoder {
 public:
  enum class Kind : std::uint8_t {
    need_more,  // `consumed` bytes are done with (0 while a head is incomplete)
    head,       // `head` is valid until the input moves
    body,       // `data`: the next bytes of the body
    done,       // the message is complete; what follows in the input is not part of it
    error,      // sticks; `error` says why
  };
  struct Step {
    Kind kind = Kind::need_more;
    std::size_t consumed = 0;
    Bytes data;
  };

  ResponseDecoder() noexcept = default;
  explicit ResponseDecoder(const ResponseContext& context) noexcept : context_(context) {}
  [[nodiscard]] Step next(Bytes input) noexcept;
  // The stream ended: in order (close_notify, FIN on cleartext) or cut. done, or http_truncated.
  enum class End : std::uint8_t { orderly, cut };
  [[nodiscard]] Step finish(End end) noexcept;

  [[nodiscard]] const ResponseHead& head() const noexcept { return head_; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  ResponseContext context_;
  ResponseHead head_;
  Error error_;
  Header headers_[limits::kHttpHeaderCount];
  // The private state is the codec's; see src/http/http1.cc.
};

// Writes one request head. Every value is checked; once something was refused, ok() stays false and nothing may be sent.
class RequestWriter {
 public:
  explicit RequestWriter(MutableBytes into) noexcept : into_(into) {}
  void start(std::string_view method, std::string_view target) noexcept;
  void header(std::string_view name, std::string_view value) noexcept;
  void finish() noexcept;
  [[nodiscard]] bool ok() const noexcept { return error_.code() == Errc::none; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] Bytes written() const noexcept { return into_.first(size_); }

 private:
  MutableBytes into_;
  std::size_t size_ = 0;
  Error error_;
};

// True when `value` may stand in a header: VCHAR with inner spaces (stricter than RFC 9110 5.5: no obs-text, no tab).
[[nodiscard]] bool header_value_valid(std::string_view value) noexcept;

// Seconds or an IMF-fixdate (RFC 9110 10.2.3), clamped to [0, kRetryAfterMax]; `now` is what a date is counted from.
// False for anything else.
[[nodiscard]] bool parse_retry_after(std::string_view value, WallTime now, Duration& wait) noexcept;
// IMF-fixdate only (RFC 9110 5.6.7).
[[nodiscard]] bool parse_http_date(std::string_view text, WallTime& time) noexcept;
// RFC 3339: "Z" or an offset (none: UTC), 0 to 9 digits of fraction, ":60" becomes ":59.999".
[[nodiscard]] bool parse_rfc3339(std::string_view text, WallTime& time) noexcept;
// IMF-fixdate, 29 bytes.
void write_http_date(WallTime time, std::span<char, 29> into) noexcept;

}  // namespace axonpush::inline v0::http
