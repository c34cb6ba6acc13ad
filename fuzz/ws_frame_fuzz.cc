// Input: one byte of options, four that choose the cuts, then the stream of frames. The whole says what the reference
// says, any cut of it the same, and any beginning of it what the reference says of that beginning; no limit is passed.
#include "ws_fuzz.h"

namespace axonpush::ws::test {
namespace {

constexpr std::uint64_t kSmallFrame = 200;
constexpr std::uint64_t kSmallMessage = 300;

DecoderOptions options_of(std::uint8_t flags) {
  DecoderOptions options;
  if ((flags & 1) != 0) options.role = Role::server;
  options.accept_text = (flags & 2) != 0;
  if ((flags & 4) != 0) options.frame_payload_bytes_max = kSmallFrame;
  if ((flags & 8) != 0) options.message_bytes_max = kSmallMessage;
  if ((flags & 16) != 0) options.message_bytes_max = 0;  // a byte stream
  if ((flags & 32) != 0) options.fragment_count_max = 3;
  if ((flags & 64) != 0) options.empty_frames_in_a_row_max = 3;
  return options;
}

// What is handed out of a message, and of a control frame, never exceeds what the options allow; every ping, message
// and Close is told once, and the outcome sticks.
void require_limits(std::string_view input, const DecoderOptions& options) {
  std::vector<std::uint8_t> bytes(input.begin(), input.end());
  FrameDecoder decoder(options);
  MutableBytes rest = bytes;
  std::uint64_t message = 0;
  for (;;) {
    const FrameDecoder::Step step = decoder.next(rest);
    using Kind = FrameDecoder::Kind;
    if (step.kind == Kind::need_more) return;
    if (step.kind == Kind::error) {
      const Error error = error_of(step.rule);
      require(error && error.number() == close_code_of(step.rule) && close_code_valid(close_code_of(step.rule)));
      require(!error.what().empty() && !error.clause().empty());
      require(decoder.next(rest).kind == Kind::error && decoder.next(MutableBytes()).rule == step.rule);
      return;
    }
    if (step.kind == Kind::data) {
      require(options.accept_text || !step.text);
      require(step.payload.size() <= options.frame_payload_bytes_max);
      message += step.payload.size();
      require(options.message_bytes_max == 0 || message <= options.message_bytes_max);
      if (step.message_end) message = 0;
    } else {
      require(step.payload.size() <= limits::kWsControlPayloadBytes);
    }
    if (step.kind == Kind::close) {
      require(close_code_valid(step.close_code) || (step.close_code == 1005 && step.payload.empty()));
      const MutableBytes behind = rest.subspan(step.consumed);
      require(decoder.next(behind).consumed == behind.size());
      return;
    }
    require(step.consumed != 0);
    rest = rest.subspan(step.consumed);
  }
}

int one_input(const std::uint8_t* data, std::size_t size) {
  if (size < 5) return 0;
  const DecoderOptions options = options_of(data[0]);
  const std::string_view input = axonpush::text_of(Bytes(data + 5, size - 5));
  const std::string whole = run(input, options, {});
  require(whole == reference_log(input, options));
  require(whole == run(input, options, chosen_cuts(data + 1, input.size())));
  if (input.size() <= 256) {
    require(whole == run(input, options, each_byte(input.size())));
  }
  // The connection is lost somewhere: nothing is said that had not come.
  const std::string_view front = input.substr(0, input.empty() ? 0 : (data[1] * 256U + data[2]) % input.size());
  require(run(front, options, {}) == reference_log(front, options));
  require_limits(input, options);
  return 0;
}

}  // namespace
}  // namespace axonpush::ws::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return axonpush::ws::test::one_input(data, size);
}
