#include <axonpush/ws/frame.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "ws/rule.h"

namespace axonpush::inline v0::ws {

namespace {

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kOpcodeBits = 0x0F;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7F;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::size_t kMaskBytes = 4;
constexpr std::size_t kCloseCodeBytes = 2;
constexpr std::size_t kCloseReasonBytes = limits::kWsControlPayloadBytes - kCloseCodeBytes;
constexpr std::uint16_t kNoCloseCode = 1005;

constexpr bool control(Opcode opcode) noexcept { return opcode >= Opcode::close; }

}  // namespace

// A header, as far as it has been read.
struct FrameDecoder::Head {
  Opcode opcode{};
  bool final = false;
  bool masked = false;
  std::uint8_t length_form = 0;  // the seven bits: the length itself, or which longer form it has
  std::size_t bytes = 0;         // of the header
  std::uint64_t length = 0;
};

FrameDecoder::FrameDecoder(const DecoderOptions& options) noexcept : options_(options) {
  whole_bytes_max_ = options.frame_payload_bytes_max;
  if (options.message_bytes_max != 0 && options.message_bytes_max < whole_bytes_max_) {
    whole_bytes_max_ = options.message_bytes_max;
  }
  if (options.role == Role::server) slow_ = kServer;
}

FrameDecoder::Step FrameDecoder::fail(Rule rule) noexcept {
  AXONPUSH_ASSERT(rule != Rule::none);
  failed_ = rule;
  slow_ |= kFailed;
  Step step;
  step.kind = Kind::error;
  step.rule = rule;
  return step;
}

FrameDecoder::Step FrameDecoder::next_slow(MutableBytes input) noexcept {
  if ((slow_ & kFailed) != 0) return fail(failed_);
  if ((slow_ & kClosed) != 0) {
    // RFC 6455 5.5.1: what stands behind a Close is not read.
    Step step;
    step.consumed = input.size();
    return step;
  }
  if ((slow_ & kInPayload) != 0) return take_payload(input, 0);
  return next_head(input);
}

// The header is judged byte by byte in its order, so that a rule is broken at the same byte however the stream is cut.
FrameDecoder::Step FrameDecoder::next_head(MutableBytes input) noexcept {
  Step step;
  step.need = 2;
  if (input.empty()) return step;
  if (const Rule rule = judge_first(input[0]); rule != Rule::none) return fail(rule);
  if (input.size() < 2) return step;

  Head head;
  head.opcode = static_cast<Opcode>(input[0] & kOpcodeBits);
  head.final = (input[0] & kFin) != 0;
  head.masked = (input[1] & kMaskBit) != 0;
  head.length_form = input[1] & kLengthBits;
  head.length = head.length_form;
  if (const Rule rule = judge_second(head); rule != Rule::none) return fail(rule);
  const std::size_t length_end = head.length_form == kLength64 ? 10U : head.length_form == kLength16 ? 4U : 2U;
  head.bytes = length_end + (head.masked ? kMaskBytes : 0);
  step.need = head.bytes + (control(head.opcode) ? static_cast<std::size_t>(head.length) : 0);
  if (input.size() < length_end) return step;
  if (head.length_form == kLength16) head.length = load_be16(&input[2]);
  if (head.length_form == kLength64) head.length = load_be64(&input[2]);
  if (const Rule rule = judge_length(head); rule != Rule::none) return fail(rule);
  if (input.size() < step.need) return step;

  if (head.masked) std::memcpy(mask_, &input[length_end], kMaskBytes);
  mask_at_ = 0;
  if (control(head.opcode)) return take_control(head, input);

  if (head.opcode != Opcode::continuation) {
    text_ = head.opcode == Opcode::text;
    utf8_state_ = 0;
    message_bytes_ = 0;
    fragments_ = 0;
    slow_ |= kInMessage;
  }
  empty_frames_ = head.length == 0 ? empty_frames_ + 1 : 0;
  if (options_.message_bytes_max != 0) {
    message_bytes_ += head.length;
    ++fragments_;
  }
  final_ = head.final;
  payload_left_ = head.length;
  slow_ |= kInPayload;
  return take_payload(input, head.bytes);
}

Rule FrameDecoder::judge_first(std::uint8_t first) const noexcept {
  // RFC 6455 5.2: no extension is ever negotiated here, so the reserved bits are 0.
  if ((first & kReservedBits) != 0) return Rule::reserved_bits;
  const bool in_message = (slow_ & kInMessage) != 0;
  switch (static_cast<Opcode>(first & kOpcodeBits)) {
    case Opcode::continuation:
      // RFC 6455 5.4: a continuation continues something.
      if (!in_message) return Rule::continuation_alone;
      if (options_.message_bytes_max != 0 && fragments_ >= options_.fragment_count_max) return Rule::too_many_fragments;
      return Rule::none;
    case Opcode::text:
    case Opcode::binary:
      // RFC 6455 5.4: the fragments of two messages are not interleaved.
      if (in_message) return Rule::message_interleaved;
      // [MQTT-6.0.0-1]: anything but binary data frames ends the connection.
      if ((first & kOpcodeBits) == static_cast<std::uint8_t>(Opcode::text) && !options_.accept_text) {
        return Rule::text_refused;
      }
      return Rule::none;
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      // RFC 6455 5.5: a control frame is not fragmented.
      return (first & kFin) == 0 ? Rule::control_fragmented : Rule::none;
  }
  // RFC 6455 5.2: opcodes 3 to 7 and 0xB to 0xF.
  return Rule::reserved_opcode;
}

Rule FrameDecoder::judge_second(const Head& head) const noexcept {
  // RFC 6455 5.1: a client masks every frame, a server none.
  if (head.masked != server()) return server() ? Rule::mask_missing : Rule::mask_from_server;
  if (control(head.opcode)) {
    // RFC 6455 5.5: at most 125 bytes, so the longer forms are out as well.
    if (head.length_form > limits::kWsControlPayloadBytes) return Rule::control_too_long;
    // RFC 6455 5.5.1: a payload begins with the two bytes of a code.
    if (head.opcode == Opcode::close && head.length_form == 1) return Rule::close_one_byte;
  }
  return Rule::none;
}

Rule FrameDecoder::judge_length(const Head& head) const noexcept {
  if (control(head.opcode)) return Rule::none;
  // RFC 6455 5.2: the top bit of the 64 is 0, and the smallest form is the only one.
  if (head.length >> 63 != 0) return Rule::length_top_bit;
  if (head.length_form == kLength16 && head.length < 126) return Rule::length_not_minimal;
  if (head.length_form == kLength64 && head.length < 65'536) return Rule::length_not_minimal;
  if (head.length > options_.frame_payload_bytes_max) return Rule::frame_too_big;
  if (options_.message_bytes_max != 0) {
    // Before the sum, so that nothing overflows.
    const std::uint64_t before = head.opcode == Opcode::continuation ? message_bytes_ : 0;
    if (head.length > options_.message_bytes_max - before) return Rule::message_too_big;
  }
  if (head.length == 0 && empty_frames_ + 1 >= options_.empty_frames_in_a_row_max) return Rule::too_many_empty_frames;
  return Rule::none;
}

FrameDecoder::Step FrameDecoder::take_control(const Head& head, MutableBytes input) noexcept {
  Step step;
  step.consumed = head.bytes + static_cast<std::size_t>(head.length);
  step.payload = input.subspan(head.bytes, static_cast<std::size_t>(head.length));
  if (head.masked) mask_in_place(step.payload, mask_);
  if (head.opcode != Opcode::close) {
    step.kind = head.opcode == Opcode::ping ? Kind::ping : Kind::pong;
    return step;
  }
  step.kind = Kind::close;
  step.close_code = kNoCloseCode;
  if (!step.payload.empty()) {
    step.close_code = load_be16(step.payload.data());
    step.payload = step.payload.subspan(kCloseCodeBytes);
    if (!close_code_valid(step.close_code)) return fail(Rule::close_code_invalid);
    // RFC 6455 5.5.1, 8.1: the reason is UTF-8.
    if (!utf8_valid(step.payload)) return fail(Rule::close_reason_ill_formed);
  }
  slow_ |= kClosed;
  return step;
}

// `header` bytes of the input have been taken already.
FrameDecoder::Step FrameDecoder::take_payload(MutableBytes input, std::size_t header) noexcept {
  const std::size_t there = input.size() - header;
  const auto take = static_cast<std::size_t>(payload_left_ < there ? payload_left_ : there);
  Step step;
  if (take == 0 && header == 0) {
    AXONPUSH_ASSERT(payload_left_ != 0);
    step.need = 1;
    return step;
  }
  step.kind = Kind::data;
  step.text = text_;
  step.consumed = header + take;
  step.payload = input.subspan(header, take);
  if (server()) {
    mask_in_place(step.payload, mask_, mask_at_);
    mask_at_ = (mask_at_ + take) & 3;
  }
  payload_left_ -= take;
  step.message_end = payload_left_ == 0 && final_;
  if (text_) return take_text(step);
  leave_payload(step.message_end);
  return step;
}

// RFC 6455 8.1: text is UTF-8, and what is not fails at its byte, not at the end of the message.
FrameDecoder::Step FrameDecoder::take_text(Step step) noexcept {
  Utf8Stream utf8(utf8_state_);
  std::size_t well_formed = step.payload.size();
  bool ill_formed = !utf8.feed(step.payload);
  if (ill_formed) {
    well_formed = Utf8Stream(utf8_state_).feed_prefix(step.payload);
  } else if (step.message_end && !utf8.complete()) {
    // The last byte of the message leaves a character open: that one is at fault, or the header of an empty frame.
    ill_formed = true;
    if (well_formed != 0) --well_formed;
  }
  if (!ill_formed) {
    utf8_state_ = utf8.state();
    leave_payload(step.message_end);
    return step;
  }
  step.consumed -= step.payload.size() - well_formed;
  Step failure = fail(Rule::text_ill_formed);
  failure.consumed = step.consumed;
  if (well_formed == 0) return failure;
  // What is well-formed is handed out; the next call fails.
  step.message_end = false;
  step.payload = step.payload.first(well_formed);
  return step;
}

void FrameDecoder::leave_payload(bool message_end) noexcept {
  if (payload_left_ == 0) slow_ &= static_cast<std::uint8_t>(~kInPayload);
  if (message_end) slow_ &= static_cast<std::uint8_t>(~kInMessage);
}

bool close_code_valid(std::uint16_t code) noexcept {
  // RFC 6455 7.4.1, 7.4.2: 1004 is reserved; 1005, 1006 and 1015 say what no frame says; 1012 to 1014 were registered
  // later; 3000 to 4999 belong to libraries and applications.
  if (code >= 1000 && code <= 1003) return true;
  if (code >= 1007 && code <= 1014) return true;
  return code >= 3000 && code <= 4999;
}

std::size_t header_backwards(std::uint8_t* end, Opcode opcode, std::uint64_t payload_bytes,
                             const std::uint8_t* mask_key) noexcept {
  const std::size_t size = header_size(payload_bytes, mask_key != nullptr);
  std::uint8_t* at = end - size;
  const std::uint8_t mask_bit = mask_key != nullptr ? kMaskBit : 0;
  at[0] = static_cast<std::uint8_t>(kFin | static_cast<std::uint8_t>(opcode));
  // RFC 6455 5.2: the smallest form.
  if (payload_bytes < kLength16) {
    at[1] = static_cast<std::uint8_t>(mask_bit | payload_bytes);
  } else if (payload_bytes < 65'536) {
    at[1] = mask_bit | kLength16;
    store_be16(at + 2, static_cast<std::uint16_t>(payload_bytes));
  } else {
    at[1] = mask_bit | kLength64;
    store_be64(at + 2, payload_bytes);
  }
  if (mask_key != nullptr) std::memcpy(end - kMaskBytes, mask_key, kMaskBytes);
  return size;
}

std::size_t encode_frame(MutableBytes into, Opcode opcode, Bytes payload, const std::uint8_t* mask_key) noexcept {
  const std::size_t header = header_size(payload.size(), mask_key != nullptr);
  if (into.size() < header || into.size() - header < payload.size()) return 0;
  static_cast<void>(header_backwards(into.data() + header, opcode, payload.size(), mask_key));
  if (payload.empty()) return header;
  if (mask_key != nullptr) {
    mask_copy(into.data() + header, payload, mask_key);
  } else {
    std::memcpy(into.data() + header, payload.data(), payload.size());
  }
  return header + payload.size();
}

std::size_t close_payload(MutableBytes into, std::uint16_t code, std::string_view reason) noexcept {
  if (!close_code_valid(code) || into.size() < kCloseCodeBytes) return 0;
  store_be16(into.data(), code);
  std::size_t room = into.size() - kCloseCodeBytes;
  if (room > kCloseReasonBytes) room = kCloseReasonBytes;
  // RFC 6455 5.5, 5.5.1: 125 bytes with the code, and UTF-8: never half a character.
  const std::size_t size = utf8_prefix(bytes_of(reason.substr(0, room)));
  if (size != 0) std::memcpy(into.data() + kCloseCodeBytes, reason.data(), size);
  return kCloseCodeBytes + size;
}

}  // namespace axonpush::inline v0::ws
