// What went wrong, as a value: a code grouped by culprit, the protocol's own number, the offset, and static text.
//
// An Error is cheap to copy: two pointers to static text, three integers and, only where the server said something,
// a counted pointer to its words. Nothing secret ever gets in: not the API key, a token, a query or a payload.
// Thread rule: values; copies may live on different threads.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/time.h>

namespace axonpush::inline v0 {

// Grouped by culprit; `culprit_of` draws the borders. BAD_INPUTS vocabulary, one to one.
enum class Errc : std::uint8_t {
  none = 0,
  // Malformed by the peer: its bytes break a specification.
  http_malformed,
  http_truncated,
  json_invalid,
  credentials_invalid,
  ws_handshake,
  ws_protocol,
  ws_unsupported,
  ws_bad_utf8,
  mqtt_malformed,
  mqtt_protocol,
  mqtt_topic_alias,
  tls_protocol,
  tls_truncated,
  // Refused by the peer: well-formed, and the answer is no.
  http_status,
  unauthorized,
  forbidden,
  not_found,
  invalid_request,
  rate_limited,
  server_error,
  redirect_refused,
  credentials_expired,
  mqtt_refused,
  server_disconnect,
  server_closed,
  session_taken_over,
  session_conflict,
  suback_failed,
  publish_refused,
  // A limit of ours (limits.h) or one the peer announced was reached.
  http_too_large,
  json_too_deep,
  json_too_large,
  ws_too_big,
  mqtt_packet_too_large,
  mqtt_receive_max,
  payload_too_large,
  queue_full,
  quota,
  no_memory,
  no_fds,
  // Misuse by the caller, or by the program's configuration.
  invalid_argument,
  header_invalid,
  url_invalid,
  cleartext_refused,
  topic_invalid,
  payload_invalid,
  qos_not_supported,
  would_deadlock,
  callback_threw,
  closed,
  // The path between: name, transport, certificate, time.
  dns_failed,
  connect_failed,
  connect_timeout,
  connection_lost,
  tls_verify,
  http_timeout,
  keepalive_timeout,
  ack_timeout,
  // Our own mistake, caught before it could do harm.
  internal,
};
inline constexpr std::size_t kErrcCount = static_cast<std::size_t>(Errc::internal) + 1;

enum class Culprit : std::uint8_t {
  nobody,
  peer_malformed,
  peer_refused,
  limit,
  caller,
  transport,
  internal
};

[[nodiscard]] constexpr Culprit culprit_of(Errc code) noexcept {
  if (code == Errc::none) return Culprit::nobody;
  if (code <= Errc::tls_truncated) return Culprit::peer_malformed;
  if (code <= Errc::publish_refused) return Culprit::peer_refused;
  if (code <= Errc::no_fds) return Culprit::limit;
  if (code <= Errc::closed) return Culprit::caller;
  if (code <= Errc::ack_timeout) return Culprit::transport;
  return Culprit::internal;
}

// "mqtt_malformed" and so on; static text.
[[nodiscard]] std::string_view name_of(Errc code) noexcept;
[[nodiscard]] std::string_view name_of(Culprit culprit) noexcept;

// The server's own words, escaped to printable ASCII and capped at kServerTextBytes each.
struct ServerWords {
  std::string_view message = {};
  std::string_view code = {};        // the envelope's `code`
  std::string_view hint = {};        // the envelope's `hint`
  std::string_view request_id = {};  // the envelope's `requestId`
};

class Error {
 public:
  constexpr Error() noexcept = default;
  // `what` is static text: a sentence without a full stop that names what is wrong.
  explicit constexpr Error(Errc code, const char* what = "") noexcept : what_(what), code_(code) {}
  constexpr Error(const Error& other) noexcept
      : what_(other.what_),
        clause_(other.clause_),
        words_(other.words_),
        offset_(other.offset_),
        number_(other.number_),
        code_(other.code_) {
    if (words_ != nullptr) retain(words_);
  }
  constexpr Error(Error&& other) noexcept
      : what_(other.what_),
        clause_(other.clause_),
        words_(other.words_),
        offset_(other.offset_),
        number_(other.number_),
        code_(other.code_) {
    other.words_ = nullptr;
  }
  constexpr Error& operator=(Error other) noexcept {
    swap(other);
    return *this;
  }
  constexpr ~Error() {
    if (words_ != nullptr) release(words_);
  }

  // Builders, used as `return Error(Errc::mqtt_malformed, "...").at(offset).by("[MQTT-3.3.1-4]");`.
  [[nodiscard]] constexpr Error at(std::size_t offset) && noexcept {
    offset_ = offset > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(offset);
    return static_cast<Error&&>(*this);
  }
  [[nodiscard]] constexpr Error by(const char* clause) && noexcept {
    clause_ = clause;
    return static_cast<Error&&>(*this);
  }
  [[nodiscard]] constexpr Error with_number(std::uint32_t number) && noexcept {
    number_ = number;
    return static_cast<Error&&>(*this);
  }
  // Copies and escapes the words; on an exhausted heap the error simply has none.
  [[nodiscard]] Error with_words(const ServerWords& words) && noexcept;
  [[nodiscard]] Error with_retry_after(Duration wait) && noexcept;

  [[nodiscard]] constexpr Errc code() const noexcept { return code_; }
  [[nodiscard]] constexpr Culprit culprit() const noexcept { return culprit_of(code_); }
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return code_ != Errc::none; }
  // The protocol's own number: HTTP status, WebSocket close code, MQTT reason code, errno or X509_V_ERR_*. 0: none.
  [[nodiscard]] constexpr std::uint32_t number() const noexcept { return number_; }
  // Bytes from the start of the message, packet or document that is at fault.
  [[nodiscard]] constexpr std::uint32_t offset() const noexcept { return offset_; }
  [[nodiscard]] constexpr std::string_view what() const noexcept { return what_; }
  // The clause of the specification that decides, as cited in the code; empty where none does.
  [[nodiscard]] constexpr std::string_view clause() const noexcept { return clause_; }
  // The views live as long as this Error or a copy of it.
  [[nodiscard]] ServerWords server_words() const noexcept;
  // How long to wait before trying again: the server's Retry-After, or a rule of ours; zero when there is none.
  [[nodiscard]] Duration retry_after() const noexcept;

  // One clear sentence, cut at into.size(); answers the bytes written. No allocation.
  std::size_t format(std::span<char> into) const noexcept;

 private:
  struct Words;
  static void retain(Words* words) noexcept;
  static void release(Words* words) noexcept;
  [[nodiscard]] Words* own_words() noexcept;
  constexpr void swap(Error& other) noexcept {
    const auto exchange = [](auto& left, auto& right) {
      auto kept = left;
      left = right;
      right = kept;
    };
    exchange(what_, other.what_);
    exchange(clause_, other.clause_);
    exchange(words_, other.words_);
    exchange(offset_, other.offset_);
    exchange(number_, other.number_);
    exchange(code_, other.code_);
  }

  const char* what_ = "";
  const char* clause_ = "";
  Words* words_ = nullptr;
  std::uint32_t offset_ = 0;
  std::uint32_t number_ = 0;
  Errc code_ = Errc::none;
};

}  // namespace axonpush::inline v0
