// The codec against the reference decoder, which was written from the specification apart from it: same verdict, same
// reason code, same size, same fields. The first byte chooses the sender (bit 0) and the largest packet (bit 1).
#include <cstdio>

#include "support/mqtt_compare.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const auto sender = (data[0] & 1U) != 0 ? axonpush::mqtt::Sender::client : axonpush::mqtt::Sender::server;
  const std::uint32_t packet_bytes_max = (data[0] & 2U) != 0 ? 32U : 4096U;
  const std::string difference = axonpush::test::difference({data + 1, size - 1}, sender, packet_bytes_max);
  if (!difference.empty()) {
    std::fprintf(stderr, "%s\n", difference.c_str());
    __builtin_trap();
  }
  return 0;
}
