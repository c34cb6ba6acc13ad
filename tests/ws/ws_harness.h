// Runs FrameDecoder over an input cut in every way; what it said must be what the reference says of the whole.
#pragma once

#include <axonpush/ws/frame.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/ws_reference.h"

namespace axonpush::ws::test {

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
      EXPECT_LE(step.consumed, size);
      front += stopped && step.kind == FrameDecoder::Kind::error ? 0 : step.consumed;
      using Kind = FrameDecoder::Kind;
      if (step.kind == Kind::need_more) {
        // Behind a Close everything is passed over; otherwise the promise of `need` is kept.
        EXPECT_TRUE(stopped || (step.consumed == 0 && step.need > size)) << input.size() << ' ' << front;
        break;
      }
      if (step.kind == Kind::error) {
        if (!stopped) log.error(step.rule);
        stopped = true;
        break;
      }
      EXPECT_FALSE(stopped);
      EXPECT_TRUE(step.payload.empty() || (step.payload.data() >= copy.get() &&
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

// Where the stream is cut: everywhere up to 4 KiB, else the first and last 512 places and 200 seeded ones.
inline std::vector<std::size_t> split_places(std::size_t size) {
  std::vector<std::size_t> places;
  std::mt19937_64 random(size);
  for (std::size_t at = 0; at <= size; ++at) {
    if (size <= 4096 || at < 512 || size - at < 512 || random() % size < 200) places.push_back(at);
  }
  return places;
}

// The whole, every split, byte by byte, and cut off behind every byte. Answers the log of the whole.
inline std::string expect_everywhere(std::string_view input, const DecoderOptions& options = {}) {
  const std::string expected = reference_log(input, options);
  EXPECT_EQ(run(input, options, {}), expected);
  std::vector<std::size_t> every_byte;
  for (std::size_t at = 1; at < input.size(); ++at) every_byte.push_back(at);
  if (input.size() <= 4096) {
    EXPECT_EQ(run(input, options, every_byte), expected);
  }
  for (const std::size_t place : split_places(input.size())) {
    if (const std::string log = run(input, options, {place}); log != expected) {
      ADD_FAILURE() << "split at " << place << ": " << log << " instead of " << expected;
      break;
    }
    const std::string_view cut = input.substr(0, place);
    if (const std::string log = run(cut, options, {}); log != reference_log(cut, options)) {
      ADD_FAILURE() << "cut at " << place << ": " << log << " instead of " << reference_log(cut, options);
      break;
    }
  }
  return expected;
}

// What an input that breaks a rule at byte `at` is logged as, with nothing in front.
inline std::string error_log(Rule rule, std::size_t at = 0) {
  EventLog log;
  log.error(rule);
  return log.done(at);
}

}  // namespace axonpush::ws::test
