// What the fuzz targets of the WebSocket codec share.
#pragma once

#include "ws/ws_log.h"

namespace axonpush::ws::test {

// Cuts that the input itself chooses, so that the fuzzer can look for bad ones: four bytes, each the distance to the
// next.
inline std::vector<std::size_t> chosen_cuts(const std::uint8_t* choices, std::size_t size) {
  std::vector<std::size_t> cuts;
  std::size_t at = 0;
  for (std::size_t turn = 0;; ++turn) {
    at += choices[turn % 4] + std::size_t{1};
    if (at >= size) return cuts;
    cuts.push_back(at);
  }
}

inline std::vector<std::size_t> each_byte(std::size_t size) {
  std::vector<std::size_t> cuts;
  for (std::size_t at = 1; at < size; ++at) cuts.push_back(at);
  return cuts;
}

}  // namespace axonpush::ws::test
