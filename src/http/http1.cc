#include <axonpush/http/http1.h>

#include "http/head.h"
#include "http/scan.h"

namespace axonpush::inline v0::http {

using detail::BodyKind;
using detail::Fault;
using detail::malformed;

namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";

// RFC 9112 2.3: HTTP-name is case-sensitive. Judges "HTTP/1.", a digit and as many of them as are there.
Progress read_version(Bytes text, std::size_t offset, std::uint8_t& minor, Fault& fault) noexcept {
  for (std::size_t at = 0; at < text.size() && at < kVersionPrefix.size(); ++at) {
    if (text[at] != static_cast<std::uint8_t>(kVersionPrefix[at])) {
      fault = malformed("this is not HTTP/1", "RFC 9112 2.3", offset + at);
      return Progress::error;
    }
  }
  if (text.size() <= kVersionPrefix.size()) return Progress::need_more;
  const std::uint8_t digit = text[kVersionPrefix.size()];
  if (digit < '0' || digit > '9') {
    fault = malformed("the version is malformed", "RFC 9112 2.3", offset + kVersionPrefix.size());
    return Progress::error;
  }
  // RFC 9110 2.5: a higher minor version is read as the highest one known.
  minor = digit == '0' ? 0 : 1;
  return Progress::done;
}

// The start of a status line as far as it is there: version, SP, three digits, and what stands behind them.
Progress read_status(Bytes head, ResponseHead& into, Fault& fault) noexcept {
  const Progress version = read_version(head, 0, into.version_minor, fault);
  if (version != Progress::done) return version;
  if (head.size() > 8 && head[8] != ' ') {
    fault = malformed("the version is malformed", "RFC 9112 4", 8);
    return Progress::error;
  }
  unsigned status = 0;
  for (std::size_t at = 9; at < 12 && at < head.size(); ++at) {
    // RFC 9110 15: three digits, from 100 on.
    if (head[at] < (at == 9 ? '1' : '0') || head[at] > '9') {
      fault = malformed("the status is not a number from 100 to 999", "RFC 9112 4", at);
      return Progress::error;
    }
    status = status * 10 + (head[at] - '0');
  }
  if (head.size() <= 12) return Progress::need_more;
  // RFC 9112 4: the SP is part of the grammar even when the reason is empty; servers that drop it are common.
  if (head[12] != ' ' && head[12] != '\r') {
    fault = malformed("the status is not a number from 100 to 999", "RFC 9112 4", 12);
    return Progress::error;
  }
  into.status = static_cast<std::uint16_t>(status);
  return Progress::done;
}

// Everything the decoders' failing and ending has in common.
Error error_of(const Fault& fault, std::size_t before, std::uint16_t status) noexcept {
  return Error(fault.code, fault.what).at(before + fault.offset).by(fault.clause).with_number(status);
}
constexpr Fault truncated(std::size_t offset) noexcept {
  return {Errc::http_truncated, "the stream ended inside the message", "RFC 9112 8", offset};
}

}  // namespace

std::string_view ResponseHead::find(std::string_view name) const noexcept { return detail::find_header(headers, name); }
std::size_t ResponseHead::count(std::string_view name) const noexcept { return detail::count_headers(headers, name); }
std::string_view RequestHead::find(std::string_view name) const noexcept { return detail::find_header(headers, name); }
std::size_t RequestHead::count(std::string_view name) const noexcept { return detail::count_headers(headers, name); }

// --- Responses

void ResponseDecoder::assign(const ResponseDecoder& other) noexcept {
  context_ = other.context_;
  phase_ = other.phase_;
  interim_count_ = other.interim_count_;
  head_left_ = other.head_left_;
  total_ = other.total_;
  state_ = other.state_;
  framing_ = other.framing_;
  body_ = other.body_;
  head_ = other.head_;
  error_ = other.error_;
  for (std::size_t row = 0; row < state_.count; ++row) table_.rows[row] = other.table_.rows[row];
  head_.headers = std::span<const Header>(table_.rows, other.head_.headers.size());
}

Step ResponseDecoder::fail(const Fault& fault, std::size_t before) noexcept {
  phase_ = Phase::failed;
  error_ = error_of(fault, before, head_.status);
  return {Kind::error, 0, {}};
}

Step ResponseDecoder::next(Bytes input) noexcept {
  switch (phase_) {
    case Phase::head:
      return next_head(input);
    case Phase::done:
      return {Kind::done, 0, {}};
    case Phase::failed:
      return {Kind::error, 0, {}};
    case Phase::body:
      break;
  }
  Fault fault;
  const Step step = detail::read_body(body_, input, fault);
  if (step.kind == Kind::error) return fail(fault, total_);
  total_ += step.consumed;
  if (step.kind == Kind::done) phase_ = Phase::done;
  return step;
}

Step ResponseDecoder::next_head(Bytes input) noexcept {
  std::size_t used = 0;
  for (;;) {
    Fault fault;
    Bytes head = input.subspan(used);
    const bool clipped = head.size() > head_left_;
    if (clipped) head = head.first(head_left_);
    Progress progress = Progress::done;
    if (!state_.in_fields && state_.scanned == 0) {
      // RFC 9112 2.2 grants servers an empty line in front; clients meet it behind sloppy bodies too.
      std::size_t skipped = 0;
      progress = detail::skip_empty_lines(head, skipped, fault);
      if (progress == Progress::error) return fail(fault, total_);
      head = head.subspan(skipped);
      head_left_ -= skipped;
      total_ += skipped;
      used += skipped;
    }
    if (progress == Progress::done) progress = read_head(head, fault);
    if (progress == Progress::error) return fail(fault, total_);
    if (progress == Progress::need_more) {
      if (clipped) return fail(detail::too_large("the head is too large", head.size()), total_);
      return {Kind::need_more, used, {}};
    }
    const std::size_t size = state_.line_at;
    progress = settle(size, fault);
    if (progress == Progress::error) return fail(fault, total_);
    used += size;
    total_ += size;
    if (progress == Progress::done) return {Kind::head, used, {}};
    head_left_ -= size;
    state_ = {};
    framing_ = {};
    head_.status = 0;  // an error in what follows is not the interim response's
  }
}

Progress ResponseDecoder::read_head(Bytes head, Fault& fault) noexcept {
  if (!state_.in_fields) {
    const Progress status = read_status(head, head_, fault);
    if (status != Progress::done) return status;
    if (state_.scanned == 0) state_.scanned = head[12] == ' ' ? 13 : 12;
    const Progress line = detail::read_line_end(head, state_, fault);
    if (line != Progress::done) return line;
    state_.mark_next = state_.scanned;
    state_.scanned += 2;
    state_.line_at = state_.scanned;
    state_.in_fields = true;
    framing_.version_minor = head_.version_minor;
  }
  const Progress fields = detail::read_fields(head, state_, table_, framing_, fault);
  if (fields == Progress::done) {
    head_.reason = state_.mark_next > 13 ? text_of(head.subspan(13, state_.mark_next - 13)) : std::string_view();
    head_.headers = std::span<const Header>(table_.rows, state_.count);
  }
  return fields;
}

// The head is whole: need_more for an interim response, else what its body is. `size` is the head's.
Progress ResponseDecoder::settle(std::size_t size, Fault& fault) noexcept {
  const std::uint16_t status = head_.status;
  phase_ = Phase::body;
  BodyKind kind = BodyKind::to_eof;
  if (status == 101) {
    // RFC 9110 15.2.2: a protocol nobody asked for.
    if (!context_.upgrade_requested) {
      fault = malformed("101 although no upgrade was requested", "RFC 9110 15.2.2", 0);
      return Progress::error;
    }
    kind = BodyKind::none;
  } else if (status < 200) {
    // RFC 9110 15.2: a client must be able to parse some interim responses; for ever it need not.
    if (++interim_count_ > limits::kHttpInterimCount) {
      fault = malformed("too many interim responses", "RFC 9110 15.2", 0);
      return Progress::error;
    }
    phase_ = Phase::head;
    return Progress::need_more;
  } else if (status == 204 || status == 304 || context_.head_request || (context_.connect_request && status < 300)) {
    kind = BodyKind::none;  // RFC 9112 6.3, whatever the fields say
  } else if (framing_.chunked) {
    kind = BodyKind::chunked;
  } else if (framing_.has_length) {
    kind = BodyKind::length;
    if (framing_.content_length > context_.limits.body_bytes) {
      fault = detail::too_large("Content-Length is larger than allowed", size - 1);
      return Progress::error;
    }
  }
  detail::start_body(body_, kind, framing_, context_.limits.body_bytes);
  return Progress::done;
}

Step ResponseDecoder::finish(End end) noexcept {
  if (phase_ == Phase::done) return {Kind::done, 0, {}};
  if (phase_ == Phase::failed) return {Kind::error, 0, {}};
  if (phase_ == Phase::body && detail::ends_body(body_, end)) {
    phase_ = Phase::done;
    return {Kind::done, 0, {}};
  }
  return fail(truncated(0), total_);
}

// --- Requests

void RequestDecoder::assign(const RequestDecoder& other) noexcept {
  context_ = other.context_;
  phase_ = other.phase_;
  skipped_ = other.skipped_;
  method_bytes_ = other.method_bytes_;
  total_ = other.total_;
  state_ = other.state_;
  framing_ = other.framing_;
  body_ = other.body_;
  head_ = other.head_;
  error_ = other.error_;
  for (std::size_t row = 0; row < state_.count; ++row) table_.rows[row] = other.table_.rows[row];
  head_.headers = std::span<const Header>(table_.rows, other.head_.headers.size());
}

Step RequestDecoder::fail(const Fault& fault, std::size_t before) noexcept {
  phase_ = Phase::failed;
  error_ = error_of(fault, before, 0);
  return {Kind::error, 0, {}};
}

Step RequestDecoder::next(Bytes input) noexcept {
  switch (phase_) {
    case Phase::head:
      return next_head(input);
    case Phase::done:
      return {Kind::done, 0, {}};
    case Phase::failed:
      return {Kind::error, 0, {}};
    case Phase::body:
      break;
  }
  Fault fault;
  const Step step = detail::read_body(body_, input, fault);
  if (step.kind == Kind::error) return fail(fault, total_);
  total_ += step.consumed;
  if (step.kind == Kind::done) phase_ = Phase::done;
  return step;
}

Step RequestDecoder::next_head(Bytes input) noexcept {
  Fault fault;
  Bytes head = input;
  const std::size_t left = context_.limits.head_bytes - skipped_;
  const bool clipped = head.size() > left;
  if (clipped) head = head.first(left);
  std::size_t used = 0;
  Progress progress = Progress::done;
  if (!state_.in_fields && state_.scanned == 0) {
    // RFC 9112 2.2: a server should ignore an empty line in front of the request line.
    progress = detail::skip_empty_lines(head, used, fault);
    if (progress == Progress::error) return fail(fault, total_);
    head = head.subspan(used);
    skipped_ += used;
    total_ += used;
  }
  if (progress == Progress::done) progress = read_head(head, fault);
  if (progress == Progress::done) progress = settle(state_.line_at, fault);
  if (progress == Progress::error) return fail(fault, total_);
  if (progress == Progress::need_more) {
    if (clipped) return fail(detail::too_large("the head is too large", head.size()), total_);
    return {Kind::need_more, used, {}};
  }
  total_ += state_.line_at;
  return {Kind::head, used + state_.line_at, {}};
}

// RFC 9112 3: method SP request-target SP HTTP-version CRLF, each SP exactly one.
Progress RequestDecoder::read_head(Bytes head, Fault& fault) noexcept {
  const std::uint8_t* const base = head.data();
  const std::uint8_t* const end = base + head.size();
  const auto part_end = [&](const std::uint8_t* at, std::size_t from, const char* what) {
    state_.scanned = static_cast<std::size_t>(at - base);
    if (state_.scanned > limits::kHttpStatusLineBytes) {
      fault = detail::too_large("the first line is too long", limits::kHttpStatusLineBytes);
      return Progress::error;
    }
    if (at == end) return Progress::need_more;
    if (*at == ' ' && state_.scanned != from) return Progress::done;
    fault = malformed(what, "RFC 9112 3", state_.scanned);
    return Progress::error;
  };
  if (!state_.in_fields) {
    if (state_.mark == 0) {
      const Progress method = part_end(token_end(base + state_.scanned, end), 0, "the method is malformed");
      if (method != Progress::done) return method;
      state_.mark = state_.scanned++;
    }
    if (state_.mark_next == 0) {
      const std::uint8_t* const at = class_end(base + state_.scanned, end, ByteClasses::kTarget);
      const Progress target = part_end(at, state_.mark + 1, "the request target is malformed");
      if (target != Progress::done) return target;
      state_.mark_next = state_.scanned++;
    }
    const std::size_t version_at = state_.mark_next + 1;
    const Progress version = read_version(head.subspan(version_at), version_at, head_.version_minor, fault);
    if (version != Progress::done) return version;
    for (std::size_t at = version_at + 8; at < version_at + 10; ++at) {
      if (at >= head.size()) return Progress::need_more;
      if (base[at] != (at == version_at + 8 ? '\r' : '\n')) {
        fault = malformed("the version is not followed by CRLF", "RFC 9112 3", at);
        return Progress::error;
      }
    }
    state_.scanned = state_.line_at = version_at + 10;
    method_bytes_ = state_.mark;
    state_.mark = 0;
    state_.in_fields = true;
    framing_.version_minor = head_.version_minor;
  }
  const Progress fields = detail::read_fields(head, state_, table_, framing_, fault);
  if (fields == Progress::done) {
    head_.method = text_of(head.first(method_bytes_));
    head_.target = text_of(head.subspan(method_bytes_ + 1, state_.mark_next - method_bytes_ - 1));
    head_.headers = std::span<const Header>(table_.rows, state_.count);
  }
  return fields;
}

// The head is whole: what its body is. RFC 9112 6.3: a request without framing fields has none.
Progress RequestDecoder::settle(std::size_t size, Fault& fault) noexcept {
  // RFC 9112 3.2: a server must refuse an HTTP/1.1 request with no Host or with several.
  const std::size_t hosts = context_.require_host ? head_.count("Host") : 1;
  if (hosts > 1 || (hosts == 0 && head_.version_minor != 0)) {
    fault = malformed(hosts == 0 ? "no Host" : "several Hosts", "RFC 9112 3.2", size - 1);
    return Progress::error;
  }
  BodyKind kind = BodyKind::none;
  if (framing_.chunked) {
    kind = BodyKind::chunked;
  } else if (framing_.has_length) {
    kind = BodyKind::length;
    if (framing_.content_length > context_.limits.body_bytes) {
      fault = detail::too_large("Content-Length is larger than allowed", size - 1);
      return Progress::error;
    }
  }
  phase_ = Phase::body;
  detail::start_body(body_, kind, framing_, context_.limits.body_bytes);
  return Progress::done;
}

Step RequestDecoder::finish(End end) noexcept {
  if (phase_ == Phase::done) return {Kind::done, 0, {}};
  if (phase_ == Phase::failed) return {Kind::error, 0, {}};
  if (phase_ == Phase::body && detail::ends_body(body_, end)) {
    phase_ = Phase::done;
    return {Kind::done, 0, {}};
  }
  return fail(truncated(0), total_);
}

}  // namespace axonpush::inline v0::http
