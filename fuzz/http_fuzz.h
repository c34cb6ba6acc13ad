// What the fuzz targets of the HTTP decoders share.
#pragma once

#include "http/http_log.h"

namespace axonpush::http::test {

// Cuts that the input itself chooses, so that the fuzzer can look for bad ones: each byte is the distance to the next.
inline std::vector<std::size_t> chosen_cuts(Bytes choices, std::size_t size) {
  std::vector<std::size_t> cuts;
  std::size_t at = 0;
  for (std::size_t turn = 0; !choices.empty(); ++turn) {
    at += choices[turn % choices.size()] + std::size_t{1};
    if (at >= size) break;
    cuts.push_back(at);
  }
  return cuts;
}

inline void require_same(const EventLog& whole, const EventLog& other) { require(whole == other); }

// The whole agrees with the reference, and any cut with the whole.
template <class Decoder>
void check(std::string_view input, const typename ContextOf<Decoder>::Type& context, StreamEnd end, Bytes choices) {
  const EventLog whole = run<Decoder>(input, context, {}, end);
  require(without_words(whole) == judged_by_reference<Decoder>(input, context, end));
  require_same(whole, run<Decoder>(input, context, chosen_cuts(choices, input.size()), end));
  if (input.size() <= 256) {
    std::vector<std::size_t> each_byte;
    for (std::size_t at = 1; at < input.size(); ++at) each_byte.push_back(at);
    require_same(whole, run<Decoder>(input, context, each_byte, end));
  }
  // RFC 9112 9.8, and the limits: nothing longer than allowed is ever handed out.
  require(whole.body.size() <= context.limits.body_bytes);
  require(whole.head.empty() || whole.error != Errc::none || whole.size <= input.size());
}

}  // namespace axonpush::http::test
