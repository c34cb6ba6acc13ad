// Heads written into a caller's buffer.
#include <axonpush/http/http1.h>

#include "http/scan.h"

namespace axonpush::inline v0::http {

namespace {

bool is_token(std::string_view text) noexcept {
  const Bytes bytes = bytes_of(text);
  return !bytes.empty() && token_end(bytes.data(), bytes.data() + bytes.size()) == bytes.data() + bytes.size();
}

// VCHAR with inner spaces; the length is the caller's to judge.
bool is_plain(std::string_view text) noexcept {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  for (const char value : text) {
    const auto byte = static_cast<std::uint8_t>(value);
    if (byte < 0x20 || byte > 0x7E) return false;
  }
  return true;
}

bool is_target(std::string_view text) noexcept {
  if (text.empty() || text[0] != '/' || text.size() > limits::kUrlBytes) return false;
  for (const char value : text) {
    // RFC 9112 3.2: a fragment is no part of it.
    if (!kByteClasses.has(static_cast<std::uint8_t>(value), ByteClasses::kTarget) || value == '#') return false;
  }
  return true;
}

}  // namespace

bool header_value_valid(std::string_view value) noexcept {
  return value.size() <= limits::kApiKeyBytes && is_plain(value);
}

namespace detail {

void HeadWriter::refuse(Errc code, const char* what) noexcept {
  if (ok()) error_ = Error(code, what).at(size_);
  size_ = 0;
}

void HeadWriter::append(std::string_view text) noexcept {
  if (!ok()) return;
  if (into_.size() - size_ < text.size() || limits::kHttpRequestHeadBytes - size_ < text.size()) {
    refuse(Errc::http_too_large, "the head does not fit");
    return;
  }
  if (!text.empty()) std::memcpy(into_.data() + size_, text.data(), text.size());
  size_ += text.size();
}

bool HeadWriter::enter(Stage expected, Stage next) noexcept {
  if (stage_ != expected) refuse(Errc::invalid_argument, "the parts of a head were written out of order");
  stage_ = next;
  return ok();
}

void HeadWriter::header(std::string_view name, std::string_view value) noexcept {
  if (!enter(Stage::fields, Stage::fields)) return;
  if (!is_token(name)) return refuse(Errc::header_invalid, "a field name is not a token");
  if (!header_value_valid(value)) return refuse(Errc::header_invalid, "a field value has bytes no value may have");
  // Whoever writes one of these twice lets the receiver choose.
  struct Single {
    std::string_view name;
    bool& seen;
  };
  const Single singles[] = {{"host", has_host_}, {"content-length", has_length_}, {"transfer-encoding", has_coding_}};
  for (const Single& single : singles) {
    if (!equals_ignoring_case(name, single.name)) continue;
    if (single.seen) return refuse(Errc::header_invalid, "a field that may stand once was given twice");
    single.seen = true;
  }
  // RFC 9112 6.2: a sender must not send both.
  if (has_length_ && has_coding_) return refuse(Errc::header_invalid, "Content-Length beside Transfer-Encoding");
  append(name);
  append(": ");
  append(value);
  append("\r\n");
}

void HeadWriter::end_head() noexcept {
  if (enter(Stage::fields, Stage::finished)) append("\r\n");
}

}  // namespace detail

void RequestWriter::start(std::string_view method, std::string_view target) noexcept {
  if (!enter(Stage::start, Stage::fields)) return;
  if (!is_token(method)) return refuse(Errc::invalid_argument, "the method is not a token");
  if (!is_target(target)) return refuse(Errc::url_invalid, "the request target has bytes no target may have");
  append(method);
  append(" ");
  append(target);
  append(" HTTP/1.1\r\n");
}

void RequestWriter::finish() noexcept {
  // RFC 9112 3.2: a client must send Host in every request.
  if (ok() && !has_host_) return refuse(Errc::invalid_argument, "a request without Host");
  end_head();
}

void ResponseWriter::start(std::uint16_t status, std::string_view reason) noexcept {
  if (!enter(Stage::start, Stage::fields)) return;
  if (status < 100 || status > 999) return refuse(Errc::invalid_argument, "the status is not from 100 to 999");
  if (!reason.empty() && !is_plain(reason))
    return refuse(Errc::header_invalid, "a reason with bytes no reason may have");
  const char digits[3] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                          static_cast<char>('0' + status % 10)};
  append("HTTP/1.1 ");
  append({digits, 3});
  append(" ");
  append(reason);
  append("\r\n");
}

void ResponseWriter::finish() noexcept { end_head(); }

}  // namespace axonpush::inline v0::http
