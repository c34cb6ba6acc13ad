// What both decoders share: the fields of a head, and bodies.
#pragma once

#include <axonpush/http/http1.h>

namespace axonpush::inline v0::http::detail {

[[nodiscard]] constexpr Fault malformed(const char* what, const char* clause, std::size_t offset) noexcept {
  return {Errc::http_malformed, what, clause, offset};
}
[[nodiscard]] constexpr Fault too_large(const char* what, std::size_t offset) noexcept {
  return {Errc::http_too_large, what, "RFC 9110 5.4", offset};
}

// The empty lines in front of a start line: how many bytes of them stand at the front of `input`. need_more: the
// input ends within one. error: a CR that no LF follows.
Progress skip_empty_lines(Bytes input, std::size_t& size, Fault& fault) noexcept;

// Reads field lines from state.scanned on, as far as `head` reaches, and notes what they say about the body. `done`:
// state.line_at is the end of the head, and the table's views count from head.data(). The same bytes give the same
// fault wherever they were split: lines are judged from the front, byte by byte.
Progress read_fields(Bytes head, HeadState& state, HeaderTable& table, Framing& framing, Fault& fault) noexcept;

// Goes on with a start line up to its CRLF, from state.scanned on; the bytes are those of a reason phrase. `done`:
// state.scanned is at the CR.
Progress read_line_end(Bytes head, HeadState& state, Fault& fault) noexcept;

// The views in the table count from wherever the head stood at the last call.
void rebase(HeadState& state, HeaderTable& table, const std::uint8_t* base) noexcept;

void start_body(BodyState& body, BodyKind kind, const Framing& framing, std::size_t body_bytes) noexcept;
// Steps: need_more, body, done, or error with the fault's offset counted from input.data().
Step read_body(BodyState& body, Bytes input, Fault& fault) noexcept;
// Whether the end of the stream is the end of the body.
[[nodiscard]] bool ends_body(const BodyState& body, StreamEnd end) noexcept;

[[nodiscard]] std::string_view find_header(std::span<const Header> headers, std::string_view name) noexcept;
[[nodiscard]] std::size_t count_headers(std::span<const Header> headers, std::string_view name) noexcept;

}  // namespace axonpush::inline v0::http::detail
