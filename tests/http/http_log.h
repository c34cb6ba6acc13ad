// What a decoder said over an input cut in some way, as one text: the event log. Shared by the tests and the fuzzers,
// so a broken property ends the program.
#pragma once

#include <axonpush/http/http1.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/http_reference.h"

namespace axonpush::http::test {

inline void require(bool property) {
  if (!property) __builtin_trap();
}

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
                std::string(decoder.error().what()) + " (" + std::to_string(decoder.error().number()) + ")";
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
      require(step.consumed <= here.size());
      front += step.consumed;
      if (step.kind == StepKind::head) log.head = log_head(decoder.head());
      if (step.kind == StepKind::body) {
        require(!step.data.empty());
        log.body += text_of(step.data);
      }
      if (step.kind == StepKind::done || step.kind == StepKind::error) {
        finish_log(step.kind);
        // The outcome sticks, whatever comes next.
        require(decoder.next(bytes_of("HTTP/1.1 200 OK\r\n\r\n")).kind == step.kind);
        require(decoder.finish(end).kind == step.kind);
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

}  // namespace axonpush::http::test
