// Bodies: counted, chunked, or up to the end of the stream.
#include "http/head.h"
#include "http/scan.h"

namespace axonpush::inline v0::http::detail {

namespace {

[[nodiscard]] constexpr bool is_blank(std::uint8_t byte) noexcept { return byte == ' ' || byte == '\t'; }
[[nodiscard]] bool is_token(std::uint8_t byte) noexcept { return kByteClasses.has(byte, ByteClasses::kToken); }
[[nodiscard]] bool is_field(std::uint8_t byte) noexcept { return kByteClasses.has(byte, ByteClasses::kField); }

// The value of a hexadecimal digit, or 16.
[[nodiscard]] constexpr std::uint8_t hex_value(std::uint8_t byte) noexcept {
  if (byte >= '0' && byte <= '9') return static_cast<std::uint8_t>(byte - '0');
  const auto lower = static_cast<std::uint8_t>(byte | 0x20);
  if (lower >= 'a' && lower <= 'f') return static_cast<std::uint8_t>(lower - 'a' + 10);
  return 16;
}

Fault too_large_body(std::size_t offset) noexcept {
  return {Errc::http_too_large, "the body is larger than allowed", "RFC 9110 15.5.14", offset};
}

bool refuse(Fault& fault, const char* what, const char* clause) noexcept {
  fault = malformed(what, clause, 0);
  return false;
}

// RFC 9112 7.1: chunk-size is 1*HEXDIG, nothing in front of it and nothing between.
bool chunk_size(BodyState& body, std::uint8_t byte, Fault& fault) noexcept {
  const std::uint8_t digit = hex_value(byte);
  if (digit < 16) {
    // The limit stands far below 2^60, so this shift cannot overflow.
    if (body.remaining > (body.body_left >> 4) || body.remaining * 16 + digit > body.body_left) {
      fault = too_large_body(0);
      return false;
    }
    body.remaining = body.remaining * 16 + digit;
    body.phase = ChunkPhase::size_more;
    return true;
  }
  if (body.phase == ChunkPhase::size_first) return refuse(fault, "a chunk has no size", "RFC 9112 7.1");
  if (byte == '\r') {
    body.phase = ChunkPhase::size_lf;
  } else if (byte == ';') {
    body.phase = ChunkPhase::extension_name_first;
  } else if (is_blank(byte)) {
    body.phase = ChunkPhase::before_extension;
  } else {
    return refuse(fault, "a chunk size with something else in it", "RFC 9112 7.1");
  }
  return true;
}

// RFC 9112 7.1.1: *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] ). What they say is ignored;
// that they are well formed is not, because whoever reads them otherwise sees other chunks.
bool chunk_extension(BodyState& body, std::uint8_t byte, Fault& fault) noexcept {
  using enum ChunkPhase;
  constexpr const char* kWhat = "a chunk extension is malformed";
  constexpr const char* kClause = "RFC 9112 7.1.1";
  switch (body.phase) {
    case before_extension:
      if (byte == ';') {
        body.phase = extension_name_first;
        return true;
      }
      return is_blank(byte) || refuse(fault, kWhat, kClause);
    case extension_name_first:
      if (is_token(byte)) {
        body.phase = extension_name;
        return true;
      }
      return is_blank(byte) || refuse(fault, kWhat, kClause);
    case extension_name:
      if (is_token(byte)) return true;
      body.phase = byte == '='      ? value_first
                   : byte == ';'    ? extension_name_first
                   : byte == '\r'   ? size_lf
                   : is_blank(byte) ? after_name
                                    : extension_name;
      return body.phase != extension_name || refuse(fault, kWhat, kClause);
    case after_name:
      body.phase = byte == '=' ? value_first : byte == ';' ? extension_name_first : after_name;
      return body.phase != after_name || is_blank(byte) || refuse(fault, kWhat, kClause);
    case value_first:
      body.phase = byte == '"' ? value_quoted : is_token(byte) ? value_token : value_first;
      return body.phase != value_first || is_blank(byte) || refuse(fault, kWhat, kClause);
    case value_token:
      if (is_token(byte)) return true;
      [[fallthrough]];
    case after_quoted:
      body.phase = byte == ';' ? extension_name_first : byte == '\r' ? size_lf : before_extension;
      return body.phase != before_extension || is_blank(byte) || refuse(fault, kWhat, kClause);
    case value_quoted:
      // RFC 9110 5.6.4: qdtext and quoted pairs; a line break is neither.
      body.phase = byte == '"' ? after_quoted : byte == '\\' ? value_escaped : value_quoted;
      return is_field(byte) || refuse(fault, kWhat, kClause);
    default:  // value_escaped
      body.phase = value_quoted;
      return is_field(byte) || refuse(fault, kWhat, kClause);
  }
}

// One byte of a chunk's line, or of the CRLF behind its data.
bool chunk_framing(BodyState& body, std::uint8_t byte, Fault& fault) noexcept {
  using enum ChunkPhase;
  if (body.framing_left == 0) {
    // RFC 9112 7.1.1: a recipient ought to limit what extensions may cost.
    fault = {Errc::http_too_large, "chunk framing outweighs the body", "RFC 9112 7.1.1", 0};
    return false;
  }
  --body.framing_left;
  switch (body.phase) {
    case data_cr:
      body.phase = data_lf;
      return byte == '\r' || refuse(fault, "chunk data is not followed by CRLF", "RFC 9112 7.1");
    case data_lf:
      body.phase = size_first;
      body.line_bytes = 0;
      return byte == '\n' || refuse(fault, "chunk data is not followed by CRLF", "RFC 9112 7.1");
    case size_lf:
      body.phase = body.remaining == 0 ? line_first : data;
      return byte == '\n' || refuse(fault, "a chunk's line does not end in CRLF", "RFC 9112 7.1");
    default:
      break;
  }
  if (byte != '\r' && ++body.line_bytes > limits::kHttpChunkLineBytes) {
    fault = {Errc::http_too_large, "a chunk's line is too long", "RFC 9112 7.1.1", 0};
    return false;
  }
  if (body.phase == size_first || body.phase == size_more) return chunk_size(body, byte, fault);
  return chunk_extension(body, byte, fault);
}

// RFC 9112 7.1.2: trailer fields are checked like any other and dropped; none is ever merged into the head.
bool trailer(BodyState& body, std::uint8_t byte, Fault& fault) noexcept {
  using enum ChunkPhase;
  constexpr const char* kClause = "RFC 9112 7.1.2";
  if (body.phase == end_lf) {
    body.phase = complete;
    return byte == '\n' || refuse(fault, "the last line does not end in CRLF", "RFC 9112 2.2");
  }
  if (body.phase == line_first && byte == '\r') {
    body.phase = end_lf;
    return true;
  }
  if (++body.trailer_bytes > limits::kHttpTrailerBytes) {
    fault = {Errc::http_too_large, "the trailers are too large", kClause, 0};
    return false;
  }
  switch (body.phase) {
    case line_first:
      if (byte == '\n') return refuse(fault, "a line ends in a bare LF", "RFC 9112 2.2");
      body.phase = trailer_name;
      return is_token(byte) || refuse(fault, "a trailer's name is malformed", kClause);
    case trailer_name:
      if (byte == ':') body.phase = trailer_value;
      return byte == ':' || is_token(byte) || refuse(fault, "a trailer's name is malformed", kClause);
    case trailer_value:
      if (byte == '\r') body.phase = trailer_lf;
      return byte == '\r' || is_field(byte) || refuse(fault, "a trailer's value is malformed", kClause);
    default:  // trailer_lf
      body.phase = line_first;
      return byte == '\n' || refuse(fault, "a trailer does not end in CRLF", "RFC 9112 2.2");
  }
}

Step read_chunked(BodyState& body, Bytes input, Fault& fault) noexcept {
  for (std::size_t at = 0; at < input.size(); ++at) {
    if (body.phase == ChunkPhase::data) {
      const std::size_t here = input.size() - at;
      const std::size_t size = body.remaining < here ? static_cast<std::size_t>(body.remaining) : here;
      body.remaining -= size;
      body.body_left -= size;
      if (body.remaining == 0) body.phase = ChunkPhase::data_cr;
      return {StepKind::body, at + size, input.subspan(at, size)};
    }
    const bool good =
        body.phase < ChunkPhase::line_first ? chunk_framing(body, input[at], fault) : trailer(body, input[at], fault);
    if (!good) {
      fault.offset = at;
      return {StepKind::error, 0, {}};
    }
    if (body.phase == ChunkPhase::complete) return {StepKind::done, at + 1, {}};
  }
  return {StepKind::need_more, input.size(), {}};
}

}  // namespace

void start_body(BodyState& body, BodyKind kind, const Framing& framing, std::size_t body_bytes) noexcept {
  body = {};
  body.kind = kind;
  body.remaining = kind == BodyKind::length ? framing.content_length : 0;
  body.body_left = body_bytes;
  body.framing_left = std::uint64_t{limits::kHttpChunkOverheadFactor} * body_bytes;
}

Step read_body(BodyState& body, Bytes input, Fault& fault) noexcept {
  switch (body.kind) {
    case BodyKind::none:
      return {StepKind::done, 0, {}};
    case BodyKind::chunked:
      return read_chunked(body, input, fault);
    case BodyKind::length: {
      if (body.remaining == 0) return {StepKind::done, 0, {}};
      if (input.empty()) return {};
      const std::size_t size = body.remaining < input.size() ? static_cast<std::size_t>(body.remaining) : input.size();
      body.remaining -= size;
      return {StepKind::body, size, input.first(size)};
    }
    case BodyKind::to_eof:
      break;
  }
  if (input.empty()) return {};
  if (body.body_left == 0) {
    fault = too_large_body(0);
    return {StepKind::error, 0, {}};
  }
  const std::size_t size = body.body_left < input.size() ? static_cast<std::size_t>(body.body_left) : input.size();
  body.body_left -= size;
  return {StepKind::body, size, input.first(size)};
}

bool ends_body(const BodyState& body, StreamEnd end) noexcept {
  switch (body.kind) {
    case BodyKind::none:
      return true;
    case BodyKind::length:
      return body.remaining == 0;
    case BodyKind::chunked:
      return body.phase == ChunkPhase::complete;
    // RFC 9112 9.8: without an orderly end nobody knows whether the body was whole.
    case BodyKind::to_eof:
      return end == StreamEnd::orderly;
  }
  return false;
}

}  // namespace axonpush::inline v0::http::detail
