// Runs a decoder over an input cut in every way, and writes down what it said as one text: the event log.
#pragma once

#include <axonpush/http/http1.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/http_reference.h"

namespace axonpush::http::test {

inline std::string log_head(const ResponseHead& head) {
  std::string log = "head " + std::to_string(head.status) + " 1." + std::to_string(head.version_minor) + " [" +
                    std::string(head.reason) + "]\n";
  for (const Header& header : head.headers) {
    log += std::string(header.name) + "=" + std::string(header.value) + "\n";
  }
  return log;
}
inline std::string log_head(const RequestHead& head) {
  std::string log = "head " + std::string(head.method) + " " + std::string(head.target) + " 1." +
                    std::to_string(head.version_minor) + "\n";
  for (const Header& header : head.headers) {
    log += std::string(header.name) + "=" + std::string(header.value) + "\n";
  }
  return log;
}

struct EventLog {
  std::string head;  // empty: none was handed out
  std::string body;
  std::string end;  // "done SIZE", or "ERROR @OFFSET: WHAT"
  Errc error = Errc::none;
  std::size_t size = 0;  // of the message, when done
  bool operator==(const EventLog&) const = default;
  [[nodiscard]] std::string text() const { return head + "body [" + body + "]\n" + end + "\n"; }
};

enum class Copies : std::uint8_t {
  exact,  // each call sees memory of its own, of exactly the size, so that a sanitizer sees an over-read
  none,
};

// Feeds `input` in pieces that end at `cuts` (ascending) and at its end, then ends the stream.
template <class Decoder, class Context>
EventLog run(std::string_view input, const Context& context, const std::vector<std::size_t>& cuts, StreamEnd end,
             Copies copies = Copies::exact) {
  Decoder decoder(context);
  EventLog log;
  std::size_t front = 0;
  const auto finish_log = [&](StepKind kind) {
    if (kind == StepKind::done) {
      log.end = "done " + std::to_string(front);
      log.size = front;
    } else {
      log.error = decoder.error().code();
      log.end = std::string(name_of(log.error)) + " @" + std::to_string(decoder.error().offset()) + ": " +
                std::string(decoder.error().what());
    }
  };
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t end_at = piece < cuts.size() ? cuts[piece] : input.size();
    for (;;) {
      Bytes here = bytes_of(input.substr(front, end_at - front));
      std::unique_ptr<std::uint8_t[]> copy;
      if (copies == Copies::exact) {
        copy = std::make_unique<std::uint8_t[]>(here.size());
        if (!here.empty()) std::memcpy(copy.get(), here.data(), here.size());
        here = {copy.get(), here.size()};
      }
      const Step step = decoder.next(here);
      EXPECT_LE(step.consumed, here.size());
      front += step.consumed;
      if (step.kind == StepKind::head) log.head = log_head(decoder.head());
      if (step.kind == StepKind::body) {
        EXPECT_FALSE(step.data.empty());
        log.body += text_of(step.data);
      }
      if (step.kind == StepKind::done || step.kind == StepKind::error) {
        finish_log(step.kind);
        // The outcome sticks, whatever comes next.
        EXPECT_EQ(decoder.next(bytes_of("HTTP/1.1 200 OK\r\n\r\n")).kind, step.kind);
        EXPECT_EQ(decoder.finish(end).kind, step.kind);
        return log;
      }
      if (step.kind == StepKind::need_more) break;
    }
  }
  finish_log(decoder.finish(end).kind);
  return log;
}

template <class Decoder>
struct ContextOf;
template <>
struct ContextOf<ResponseDecoder> {
  using Type = ResponseContext;
  static reference::HttpMessage read(std::string_view input, const Type& context, StreamEnd end) {
    return reference::HttpReader(input, end).response(context);
  }
};
template <>
struct ContextOf<RequestDecoder> {
  using Type = RequestContext;
  static reference::HttpMessage read(std::string_view input, const Type& context, StreamEnd end) {
    return reference::HttpReader(input, end).request(context);
  }
};

// What the reference says, as an event log (without offsets and words).
template <class Decoder>
std::string judged_by_reference(std::string_view input, const typename ContextOf<Decoder>::Type& context,
                                StreamEnd end) {
  const reference::HttpMessage message = ContextOf<Decoder>::read(input, context, end);
  std::string log;
  if (message.has_head) {
    if constexpr (std::is_same_v<Decoder, ResponseDecoder>) {
      log = "head " + std::to_string(message.status) + " 1." + std::to_string(message.version_minor) + " [" +
            message.reason + "]\n";
    } else {
      log = "head " + message.reason + " 1." + std::to_string(message.version_minor) + "\n";
    }
    for (const auto& [name, value] : message.headers) log += name + "=" + value + "\n";
  }
  log += "body [" + message.body + "]\n";
  log += message.error == Errc::none ? "done " + std::to_string(message.size) : std::string(name_of(message.error));
  return log;
}

inline std::string without_words(const EventLog& log) {
  return log.head + "body [" + log.body + "]\n" +
         (log.error == Errc::none ? "done " + std::to_string(log.size) : std::string(name_of(log.error)));
}

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
