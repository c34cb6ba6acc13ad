// Runs a decoder over an input cut in every way and compares the event logs.
#pragma once

#include <random>

#include "gtest/gtest.h"
#include "http_log.h"

namespace axonpush::http::test {

// Where an input is cut: everywhere up to 4 KiB; longer ones at both ends, around each CR and LF, and at seeded places.
inline std::vector<std::size_t> cuts_of(std::string_view input) {
  std::vector<std::size_t> cuts;
  if (input.size() <= 4096) {
    for (std::size_t at = 0; at <= input.size(); ++at) cuts.push_back(at);
    return cuts;
  }
  for (std::size_t at = 0; at < 512; ++at) {
    cuts.push_back(at);
    cuts.push_back(input.size() - at);
  }
  std::size_t borders = 0;
  for (std::size_t at = 2; at + 3 < input.size() && borders < 64; ++at) {
    if (input[at] != '\r' && input[at] != '\n') continue;
    ++borders;
    for (std::size_t near = at - 2; near <= at + 2; ++near) cuts.push_back(near);
  }
  std::minstd_rand random(20'260'101);
  for (int count = 0; count < 1'000; ++count) cuts.push_back(random() % input.size());
  return cuts;
}

// Whole, byte by byte, cut in two everywhere: the same log. Every truncation, ended in order and cut: what the
// reference says. Answers the log of the whole.
template <class Decoder>
EventLog check_everywhere(std::string_view input, const typename ContextOf<Decoder>::Type& context,
                          StreamEnd end = StreamEnd::orderly) {
  const bool small = input.size() <= 4096;
  const Copies copies = small ? Copies::exact : Copies::none;
  const EventLog whole = run<Decoder>(input, context, {}, end);
  EXPECT_EQ(without_words(whole), judged_by_reference<Decoder>(input, context, end));

  std::vector<std::size_t> each_byte;
  for (std::size_t at = 1; at < input.size(); ++at) each_byte.push_back(at);
  EXPECT_EQ(run<Decoder>(input, context, each_byte, end, copies).text(), whole.text()) << "byte by byte";

  for (const std::size_t cut : cuts_of(input)) {
    const EventLog split = run<Decoder>(input, context, {cut}, end, copies);
    if (split != whole) {
      ADD_FAILURE() << "cut at " << cut << ":\n" << split.text() << "instead of\n" << whole.text();
      break;
    }
  }
  for (const std::size_t cut : cuts_of(input)) {
    if (!small && cut % 16 != 0) continue;
    for (const StreamEnd how : {StreamEnd::orderly, StreamEnd::cut}) {
      const std::string_view front = input.substr(0, cut);
      const std::string ended = without_words(run<Decoder>(front, context, {}, how, copies));
      const std::string expected = judged_by_reference<Decoder>(front, context, how);
      if (ended != expected) {
        ADD_FAILURE() << "ended at " << cut << ":\n" << ended << "\ninstead of\n" << expected;
        return whole;
      }
    }
  }
  return whole;
}

}  // namespace axonpush::http::test
