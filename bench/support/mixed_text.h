// Text of many scripts, the same for the same seed.
#pragma once

#include <axonpush/base/bytes.h>

#include <cstring>

namespace axonpush::bench {

// Fills `into` with whole characters; the last few bytes are spaces.
inline void fill_mixed_text(MutableBytes into, std::uint64_t seed) {
  static constexpr std::string_view kWords[] = {"agent ",
                                                "tool_call ",
                                                "r\xC3\xA9ponse ",
                                                "\xD1\x81\xD0\xBE\xD0\xB1\xD1\x8B\xD1\x82\xD0\xB8\xD0\xB5 ",
                                                "start, ",
                                                "na\xC3\xAFve ",
                                                "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E ",
                                                "\xF0\x9F\x98\x80 ",
                                                "the end of the message ",
                                                "\xE4\xBA\x8B\xE4\xBB\xB6\xE5\xB7\xB2\xE5\x8F\x91\xE5\xB8\x83 ",
                                                "42 ",
                                                "\xCE\xB1\xCE\xB2\xCE\xB3 "};
  std::uint64_t state = seed * 0x9E3779B97F4A7C15 + 1;
  std::size_t at = 0;
  while (at < into.size()) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const std::string_view word = kWords[(state >> 33) % (sizeof kWords / sizeof kWords[0])];
    if (word.size() > into.size() - at) break;
    std::memcpy(into.data() + at, word.data(), word.size());
    at += word.size();
  }
  std::memset(into.data() + at, ' ', into.size() - at);
}

}  // namespace axonpush::bench
