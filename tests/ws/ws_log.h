// What FrameDecoder says over an input cut in some way, as one text. Shared by the tests and the fuzzers, so a broken
// property ends the program.
#pragma once

#include <axonpush/ws/frame.h>

#include <memory>
#include <string>
#include <vector>

#include "support/ws_reference.h"

namespace axonpush::ws::test {

inline void require(bool property) {
  if (!property) __builtin_trap();
}

inline DecoderOptions options_for_text() {
  DecoderOptions options;
  options.accept_text = true;
  return options;
}

// Feeds `input` in pieces that end at `cuts` (ascending) and at its end. Each call sees memory of its own of exactly
// the size, so that a sanitizer sees an over-read.
inline std::string run(std::string_view input, const DecoderOptions& options, const std::vector<std::size_t>& cuts) {
  FrameDecoder decoder(options);
  EventLog log;
  std::size_t front = 0;
  bool stopped = false;
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t end = piece < cuts.size() ? cuts[piece] : input.size();
    for (;;) {
      const std::size_t size = end - front;
      const auto copy = std::make_unique<std::uint8_t[]>(size);
      if (size != 0) std::memcpy(copy.get(), input.data() + front, size);
      const FrameDecoder::Step step = decoder.next({copy.get(), size});
      require(step.consumed <= size);
      front += stopped && step.kind == FrameDecoder::Kind::error ? 0 : step.consumed;
      using Kind = FrameDecoder::Kind;
      if (step.kind == Kind::need_more) {
        // Behind a Close everything is passed over; otherwise the promise of `need` is kept.
        require(stopped || (step.consumed == 0 && step.need > size));
        break;
      }
      if (step.kind == Kind::error) {
        if (!stopped) log.error(step.rule);
        stopped = true;
        break;
      }
      require(!stopped);
      require(step.consumed != 0);  // no turn without progress: there are no more turns than bytes
      require(step.payload.empty() || (step.payload.data() >= copy.get() &&
                                       step.payload.data() + step.payload.size() == copy.get() + step.consumed));
      const std::string_view payload = axonpush::text_of(Bytes(step.payload));
      if (step.kind == Kind::data) log.data(step.text, payload, step.message_end);
      if (step.kind == Kind::ping) log.control("ping", payload);
      if (step.kind == Kind::pong) log.control("pong", payload);
      if (step.kind == Kind::close) {
        log.close(step.close_code, payload);
        stopped = true;
      }
    }
  }
  return log.done(front);
}

}  // namespace axonpush::ws::test
