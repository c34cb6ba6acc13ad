#include "ws/rule.h"

namespace axonpush::inline v0::ws {

namespace {

struct RuleRow {
  Rule rule;
  Errc code;
  std::uint16_t close_code;
  const char* text;
  const char* clause;
};

constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kUnsupportedData = 1003;
constexpr std::uint16_t kInvalidPayload = 1007;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kTooBig = 1009;

// In the order of the enumeration; a static_assert below holds it. RFC 6455 7.4.1 says which code stands for what.
constexpr RuleRow kRules[] = {
    {Rule::none, Errc::none, 1000, "no rule was broken", ""},
    {Rule::reserved_bits, Errc::ws_protocol, kProtocolError, "a reserved bit is set without an extension",
     "RFC 6455 5.2"},
    {Rule::reserved_opcode, Errc::ws_protocol, kProtocolError, "the opcode is reserved", "RFC 6455 5.2"},
    {Rule::control_fragmented, Errc::ws_protocol, kProtocolError, "a control frame is fragmented", "RFC 6455 5.5"},
    {Rule::continuation_alone, Errc::ws_protocol, kProtocolError, "a continuation has nothing to continue",
     "RFC 6455 5.4"},
    {Rule::message_interleaved, Errc::ws_protocol, kProtocolError, "a message begins inside a fragmented one",
     "RFC 6455 5.4"},
    {Rule::text_refused, Errc::ws_unsupported, kUnsupportedData, "a text frame where only binary ones are accepted",
     "[MQTT-6.0.0-1]"},
    {Rule::too_many_fragments, Errc::ws_too_big, kTooBig, "a message has too many fragments", "RFC 6455 10.4"},
    {Rule::mask_from_server, Errc::ws_protocol, kProtocolError, "a frame from the server is masked", "RFC 6455 5.1"},
    {Rule::mask_missing, Errc::ws_protocol, kProtocolError, "a frame from the client is not masked", "RFC 6455 5.1"},
    {Rule::control_too_long, Errc::ws_protocol, kProtocolError, "a control frame has more than 125 bytes",
     "RFC 6455 5.5"},
    {Rule::close_one_byte, Errc::ws_protocol, kProtocolError, "a Close frame has one byte where a code takes two",
     "RFC 6455 5.5.1"},
    {Rule::length_not_minimal, Errc::ws_protocol, kProtocolError, "the payload length takes more bytes than it needs",
     "RFC 6455 5.2"},
    {Rule::length_top_bit, Errc::ws_protocol, kProtocolError, "the payload length has its top bit set", "RFC 6455 5.2"},
    {Rule::frame_too_big, Errc::ws_too_big, kTooBig, "a frame exceeds the limit", "RFC 6455 10.4"},
    {Rule::message_too_big, Errc::ws_too_big, kTooBig, "a message exceeds the limit", "RFC 6455 10.4"},
    {Rule::too_many_empty_frames, Errc::ws_too_big, kPolicyViolation, "too many empty frames in a row",
     "RFC 6455 10.4"},
    {Rule::text_ill_formed, Errc::ws_bad_utf8, kInvalidPayload, "a text message is ill-formed UTF-8", "RFC 6455 8.1"},
    {Rule::close_code_invalid, Errc::ws_protocol, kProtocolError, "a Close frame has a code that may not be sent",
     "RFC 6455 7.4"},
    {Rule::close_reason_ill_formed, Errc::ws_bad_utf8, kInvalidPayload, "a Close frame's reason is ill-formed UTF-8",
     "RFC 6455 5.5.1"},
};
static_assert(sizeof kRules / sizeof kRules[0] == kRuleCount);
constexpr bool in_order() {
  for (std::size_t at = 0; at < kRuleCount; ++at) {
    if (kRules[at].rule != static_cast<Rule>(at)) return false;
  }
  return true;
}
static_assert(in_order());

const RuleRow& row_of(Rule rule) noexcept {
  const auto index = static_cast<std::size_t>(rule);
  return kRules[index < kRuleCount ? index : 0];
}

}  // namespace

std::string_view text_of(Rule rule) noexcept { return row_of(rule).text; }
std::string_view clause_of(Rule rule) noexcept { return row_of(rule).clause; }
std::uint16_t close_code_of(Rule rule) noexcept { return row_of(rule).close_code; }

Error error_of(Rule rule) noexcept {
  const RuleRow& row = row_of(rule);
  if (row.code == Errc::none) return Error();
  return Error(row.code, row.text).by(row.clause).with_number(row.close_code);
}

}  // namespace axonpush::inline v0::ws
