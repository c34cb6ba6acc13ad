// Input: a byte of flags, a topic and a prefix (each behind its length), then a body. Every accessor of the Event says
// what the slow reference says of the body, in either order of asking; so does the copy that stays; the scratch serves
// one event after the other.
#include <cstdio>

#include "choices.h"
#include "support/event_reference.h"
#include "support/json_agreement.h"
#include "support/topic_reference.h"

namespace {

using namespace axonpush;
using fuzz::demand;

void demand_agreement(const test::EventReference& reference, const Event& event) {
  const std::string said = reference.disagreement(event);
  if (said.empty()) return;
  std::fprintf(stderr, "%s differs\n", said.c_str());
  __builtin_trap();
}

void check_segments(const Event& event) {
  const TopicSegments segments = event.segments();
  const std::vector<std::string> levels = reference::levels(event.topic());
  std::string prefix;
  for (std::size_t at = 0; at + 5 < levels.size(); ++at) prefix += (at == 0 ? "" : "/") + levels[at];
  if (levels.size() < 6 || (!event.prefix().empty() && prefix != event.prefix())) {
    demand(segments.environment.empty() && segments.agent_id.empty() && segments.prefix.empty());
    return;
  }
  const std::size_t first = levels.size() - 5;
  demand(segments.prefix == prefix && segments.environment == levels[first]);
  demand(segments.app_id == levels[first + 1] && segments.channel_id == levels[first + 2]);
  demand(segments.event_type == levels[first + 3] && segments.agent_id == levels[first + 4]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static EventScratch scratch;  // as a session has it: used for event after event
  if (size > 16'384) return 0;
  fuzz::Choices choices({data, size});
  const std::uint8_t flags = choices.byte();
  const std::string_view topic = choices.text();
  const std::string_view prefix = choices.text();
  const test::ExactCopy body(text_of(choices.rest()));
  const test::EventReference reference(body.text());
  Delivery delivery{.topic = topic, .prefix = prefix, .body = body.bytes()};
  delivery.qos = static_cast<mqtt::Qos>(flags % 3);
  delivery.retain = (flags & 4U) != 0;
  delivery.dup = (flags & 8U) != 0;
  const Event event(delivery, scratch);
  if ((flags & 16U) != 0) static_cast<void>(event.event_id());  // before anything was asked
  check_segments(event);
  demand_agreement(reference, event);
  demand_agreement(reference, event);
  const Result<OwnedEvent> copy = event.own();
  demand(copy.ok());
  demand(copy->topic() == topic && copy->prefix() == prefix && copy->text() == body.text());
  demand(copy->qos() == event.qos() && copy->retain() == event.retain() && copy->dup() == event.dup());
  check_segments(*copy);
  demand_agreement(reference, *copy);
  return 0;
}
