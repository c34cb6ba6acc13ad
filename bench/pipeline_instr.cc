// A 503-byte event from the frame's bytes to the callback: with its JSON validated and nine members read, and unread.
#include "pipeline_inputs.h"

namespace axonpush::bench {
namespace {

InboundPath* path = nullptr;

template <InboundPath::Reads kReads>
void prepare() {
  static InboundPath one(kReads);
  path = &one;
}
void receive(std::uint64_t count) {
  for (std::uint64_t at = 0; at < count; ++at) keep(path->receive(at % kInputCount));
}

const Operation kJson{"inbound_500_json", prepare<InboundPath::Reads::members>, receive};
const Operation kRaw{"inbound_500_raw", prepare<InboundPath::Reads::body>, receive};

}  // namespace
}  // namespace axonpush::bench
