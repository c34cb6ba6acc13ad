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
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
};

enum class StepKind : std::uint8_t {
  need_more,  // `consumed` bytes are done with (those of an incomplete head are not)
  head,       // `head` is valid until the input moves
  body,       // `data`: the next bytes of the body
  done,       // the message is complete; what follows in the input is not part of it
  error,      // sticks; `error` says why
};
struct Step {
  StepKind kind = StepKind::need_more;
  std::size_t consumed = 0;
  Bytes data;
};
// How a stream ended: in order (close_notify, FIN on cleartext) or cut.
enum class StreamEnd : std::uint8_t {
  orderly,
  cut
};

namespace detail {

// Room for the fields of a head; nothing is initialised, `count` rows of it hold something.
union HeaderTable {
  HeaderTable() noexcept {}
  Header rows[limits::kHttpHeaderCount];
};

// Where the reading of a head stands. Offsets count from the head's first byte; they, and not pointers, are kept
// between two calls, because the caller's buffer may move.
struct HeadState {
  std::uintptr_t base = 0;    // the address the views in the table count from
  std::size_t line_at = 0;    // the line being read
  std::size_t scanned = 0;    // everything in front of it has been judged
  std::size_t mark = 0;       // fields: the colon; request line: the end of the method
  std::size_t mark_next = 0;  // request line: the end of the target
  std::size_t count = 0;
  bool in_fields = false;
};

// What the fields said about the body.
struct Framing {
  std::uint64_t content_length = 0;
  bool has_length = false;
  bool chunked = false;
  std::uint8_t version_minor = 1;
};

enum class BodyKind : std::uint8_t {
  none,
  length,
  chunked,
  to_eof
};

// RFC 9112 7.1, state by state; the order is that of the bytes.
enum class ChunkPhase : std::uint8_t {
  size_first,        // => size_more
  size_more,         // => before_extension, extension_name_first, size_lf
  before_extension,  // white space that only a ';' may follow
  extension_name_first,
  extension_name,
  after_name,  // white space that only '=' or ';' may follow
  value_first,
  value_token,
  value_quoted,
  value_escaped,
  after_quoted,  // => before_extension, extension_name_first, size_lf
  size_lf,       // => data, or line_first after the last chunk
  data,          // => data_cr
  data_cr,
  data_lf,     // => size_first
  line_first,  // of a trailer field, or of the end
  trailer_name,
  trailer_value,
  trailer_lf,  // => line_first
  end_lf,      // => complete
  complete,
};

struct BodyState {
  BodyKind kind = BodyKind::none;
  ChunkPhase phase = ChunkPhase::size_first;
  std::uint64_t remaining = 0;     // length: of the body; chunked: of the chunk
  std::uint64_t body_left = 0;     // what the limit still allows
  std::uint64_t framing_left = 0;  // chunked: bytes that are no data
  std::size_t line_bytes = 0;      // of the chunk's line
  std::size_t trailer_bytes = 0;
};

// What went wrong; becomes an Error once, when the decoder fails.
struct Fault {
  Errc code = Errc::none;
  const char* what = "";
  const char* clause = "";
  std::size_t offset = 0;
};

}  // namespace detail

struct ResponseLimits {
  std::size_t head_bytes = limits::kHttpHeadBytes;  // of all heads together, interim responses included
  std::size_t body_bytes = limits::kHttpBodyBytes;
};

// What the response answers: it decides whether there is a body (RFC 9112 6.3) and whether 101 is one.
struct ResponseContext {
  bool head_request = false;
  bool upgrade_requested = false;  // 101 is acceptable; everything behind its head belongs to the new protocol
  ResponseLimits limits;
  bool connect_request = false;  // 2xx opens a tunnel: everything behind its head belongs to it
};

// Decodes one response. Interim responses (1xx) are skipped. The head is handed out once it is whole, and the whole of
// it must lie in one span: feed the same front again with more behind until it is.
class ResponseDecoder {
 public:
  using Kind = StepKind;
  using Step = http::Step;
  using End = StreamEnd;

  ResponseDecoder() noexcept : ResponseDecoder(ResponseContext{}) {}
  explicit ResponseDecoder(const ResponseContext& context) noexcept
      : context_(context), head_left_(context.limits.head_bytes) {}
  // A copy made between `head` and `done` has the head too.
  ResponseDecoder(const ResponseDecoder& other) noexcept { assign(other); }
  ResponseDecoder& operator=(const ResponseDecoder& other) noexcept {
    if (this != &other) assign(other);
    return *this;
  }
  ~ResponseDecoder() = default;

  [[nodiscard]] Step next(Bytes input) noexcept;
  // The stream ended: in order (close_notify, FIN on cleartext) or cut. done, or http_truncated.
  [[nodiscard]] Step finish(End end) noexcept;

  [[nodiscard]] const ResponseHead& head() const noexcept { return head_; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  enum class Phase : std::uint8_t {
    head,
    body,
    done,
    failed
  };  // head => head (1xx), body, done; body => done

  void assign(const ResponseDecoder& other) noexcept;
  Step next_head(Bytes input) noexcept;
  Progress read_head(Bytes head, detail::Fault& fault) noexcept;
  Progress settle(std::size_t size, detail::Fault& fault) noexcept;
  Step fail(const detail::Fault& fault, std::size_t before) noexcept;

  ResponseContext context_;
  Phase phase_ = Phase::head;
  std::uint8_t interim_count_ = 0;
  std::size_t head_left_ = 0;  // of limits.head_bytes
  std::size_t total_ = 0;      // bytes consumed so far, for the offsets of errors
  detail::HeadState state_;
  detail::Framing framing_;
  detail::BodyState body_;
  ResponseHead head_;
  Error error_;
  detail::HeaderTable table_;
};

struct RequestContext {
  ResponseLimits limits;
  bool require_host = true;  // RFC 9112 3.2: exactly one Host in HTTP/1.1; off for judging bytes without serving them
};

// The server's half: decodes one request, in the manner of ResponseDecoder. A body is there only when the fields say
// so; what follows an upgrade's head is left in the input.
class RequestDecoder {
 public:
  using Kind = StepKind;
  using Step = http::Step;
  using End = StreamEnd;

  RequestDecoder() noexcept : RequestDecoder(RequestContext{}) {}
  explicit RequestDecoder(const RequestContext& context) noexcept : context_(context) {}
  RequestDecoder(const RequestDecoder& other) noexcept { assign(other); }
  RequestDecoder& operator=(const RequestDecoder& other) noexcept {
    if (this != &other) assign(other);
    return *this;
  }
  ~RequestDecoder() = default;

  [[nodiscard]] Step next(Bytes input) noexcept;
  // The stream ended. done, or http_truncated.
  [[nodiscard]] Step finish(End end) noexcept;

  [[nodiscard]] const RequestHead& head() const noexcept { return head_; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  enum class Phase : std::uint8_t {
    head,
    body,
    done,
    failed
  };

  void assign(const RequestDecoder& other) noexcept;
  Step next_head(Bytes input) noexcept;
  Progress read_head(Bytes head, detail::Fault& fault) noexcept;
  Progress settle(std::size_t size, detail::Fault& fault) noexcept;
  Step fail(const detail::Fault& fault, std::size_t before) noexcept;

  RequestContext context_;
  Phase phase_ = Phase::head;
  std::size_t skipped_ = 0;  // bytes of empty lines in front
  std::size_t method_bytes_ = 0;
  std::size_t total_ = 0;
  detail::HeadState state_;
  detail::Framing framing_;
  detail::BodyState body_;
  RequestHead head_;
  Error error_;
  detail::HeaderTable table_;
};

namespace detail {

// What the two writers share: a head in a caller's buffer, every byte of it checked.
class HeadWriter {
 public:
  // name: a token; value: header_value_valid. Host, Content-Length and Transfer-Encoding at most once each.
  void header(std::string_view name, std::string_view value) noexcept;
  // Once something was refused, ok() stays false, written() is empty and nothing may be sent.
  [[nodiscard]] bool ok() const noexcept { return error_.code() == Errc::none; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] Bytes written() const noexcept { return into_.first(size_); }

 protected:
  enum class Stage : std::uint8_t {
    start,
    fields,
    finished
  };  // in this order

  explicit HeadWriter(MutableBytes into) noexcept : into_(into) {}
  void refuse(Errc code, const char* what) noexcept;
  void append(std::string_view text) noexcept;
  bool enter(Stage expected, Stage next) noexcept;
  void end_head() noexcept;

  MutableBytes into_;
  std::size_t size_ = 0;
  Stage stage_ = Stage::start;
  bool has_host_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
  Error error_;
};

}  // namespace detail

// Writes one request head: start, header as often as needed (Host is required), finish. Every value is checked.
class RequestWriter : public detail::HeadWriter {
 public:
  explicit RequestWriter(MutableBytes into) noexcept : HeadWriter(into) {}
  // method: a token; target: in origin form, as parse_url's path_query.
  void start(std::string_view method, std::string_view target) noexcept;
  void finish() noexcept;
};

// Writes one response head, for the loopback service. status: 100 to 999; reason: empty or as a header value.
class ResponseWriter : public detail::HeadWriter {
 public:
  explicit ResponseWriter(MutableBytes into) noexcept : HeadWriter(into) {}
  void start(std::uint16_t status, std::string_view reason) noexcept;
  void finish() noexcept;
};

// True when `value` may stand in a header: 1 to kApiKeyBytes of VCHAR with inner spaces (stricter than RFC 9110 5.5: no
// obs-text, no tab).
[[nodiscard]] bool header_value_valid(std::string_view value) noexcept;

// Seconds or an IMF-fixdate (RFC 9110 10.2.3), clamped to [0, kRetryAfterMax]; `now` is what a date is counted from.
// False for anything else.
[[nodiscard]] bool parse_retry_after(std::string_view value, WallTime now, Duration& wait) noexcept;
// IMF-fixdate only (RFC 9110 5.6.7). Like parse_rfc3339 it answers the nearest WallTime where the year is out of range.
[[nodiscard]] bool parse_http_date(std::string_view text, WallTime& time) noexcept;
// RFC 3339: "Z" or an offset (none: UTC), 0 to 9 digits of fraction, ":60" becomes ":59.999".
[[nodiscard]] bool parse_rfc3339(std::string_view text, WallTime& time) noexcept;
// IMF-fixdate, 29 bytes.
void write_http_date(WallTime time, std::span<char, 29> into) noexcept;

}  // namespace axonpush::inline v0::http
