// The rules a frame can break. text_of, clause_of, close_code_of and error_of (frame.h) read the table in rule.cc.
#pragma once

#include <axonpush/ws/frame.h>

namespace axonpush::inline v0::ws {

enum class Rule : std::uint8_t {
  none,
  // The first byte.
  reserved_bits,
  reserved_opcode,
  control_fragmented,
  continuation_alone,
  message_interleaved,
  text_refused,
  too_many_fragments,
  // The second byte and the length.
  mask_from_server,
  mask_missing,
  control_too_long,
  close_one_byte,
  length_not_minimal,
  length_top_bit,
  frame_too_big,
  message_too_big,
  too_many_empty_frames,
  // The payload.
  text_ill_formed,
  close_code_invalid,
  close_reason_ill_formed,
};
inline constexpr std::size_t kRuleCount = static_cast<std::size_t>(Rule::close_reason_ill_formed) + 1;

}  // namespace axonpush::inline v0::ws
