// Runs FrameDecoder over an input cut in every way; what it said must be what the reference says of the whole.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ws/ws_log.h"

namespace axonpush::ws::test {

// Where the stream is cut: everywhere up to 4 KiB, else the first and last 512 places and 1,000 seeded ones.
inline std::vector<std::size_t> split_places(std::size_t size) {
  std::vector<std::size_t> places;
  std::mt19937_64 random(size);
  for (std::size_t at = 0; at <= size; ++at) {
    if (size <= 4096 || at < 512 || size - at < 512 || random() % size < 1'000) places.push_back(at);
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
