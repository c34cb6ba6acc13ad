// The library doing the work.
#include <algorithm>

#include "loopback_client.h"

namespace axonpush::bench {

namespace {

// How many publishes a QoS 0 publisher makes before it waits to be told that they went.
constexpr std::uint64_t kBatch = 256;

class Ours {
 public:
  Ours(const Work& work, const Target& target) : work_(work), client_(work, target, {}) {}
  Measured run();

 private:
  [[nodiscard]] std::uint64_t total() const { return work_.warm + work_.count; }
  void on_event(const Event& event);
  void read_members(const Event& event);
  void publish(std::uint64_t row, PublishCompletion done);
  void publish_batch();
  void publish_next();
  void publish_echo();
  void note(std::uint64_t done);

  Work work_;
  LoopClient client_;
  std::vector<std::string> bodies_;
  std::uint64_t done_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t started_at_ = 0;
  Usage before_, after_;
  std::vector<std::uint64_t> samples_;
};

void Ours::note(std::uint64_t done) {
  if (before_.wall_ns == 0 && done >= work_.warm) before_ = Usage::now();
  if (after_.wall_ns == 0 && done >= total()) {
    after_ = Usage::now();
    client_.reactor().stop();
  }
}

// The members that PEERS.md's JSON rows read.
void Ours::read_members(const Event& event) {
  bytes_ += event.id().size() + event.event_id().size() + event.org_id().size() + event.app_id().size() +
            event.channel_id().size() + event.agent_id().size() + event.trace_id().size() + event.event_type().size();
}

void Ours::on_event(const Event& event) {
  if (work_.json) read_members(event);
  bytes_ += event.body().size();
  ++done_;
  if (work_.traffic == Traffic::echo) {
    if (done_ > work_.warm) samples_.push_back(monotonic_ns() - started_at_);
    if (done_ < total()) publish_echo();
  }
  if (done_ == work_.warm || done_ == total()) note(done_);
}

void Ours::publish(std::uint64_t row, PublishCompletion done) {
  const PublishOptions options{.qos = work_.qos == 0 ? PublishOptions::Delivery::at_most_once
                                                     : PublishOptions::Delivery::at_least_once};
  Status sent;
  if (work_.json) {
    sent = client_.session().publish(
        {.channel_id = "chan_00",
         .identifier = "call-10000",
         .payload = R"({"tool":"search","durationMs":1000,"tokens":{"in":512,"out":128},"ok":true,"text":"found 10"})",
         .agent_id = "planner-agent-00",
         .trace_id = "4bf92f3577b34da6a3ce929d9e7a1c55",
         .event_type = "agent_start"},
        std::move(done), options);
  } else {
    sent = client_.session().publish_raw({.channel_id = "chan_00",
                                          .agent_id = "agent_00",
                                          .event_type = "agent_start",
                                          .body = bytes_of(bodies_[row % kInputCount])},
                                         std::move(done), options);
  }
  if (!sent.ok()) die("a publish was refused", sent.error().what());
}

void Ours::publish_batch() {
  const std::uint64_t last = std::min(sent_ + kBatch, total());
  while (sent_ + 1 < last) publish(sent_++, {});
  publish(sent_++, [this](const Result<Published>& published) {
    need(published.ok(), "a publish failed");
    note(sent_);
    if (sent_ < total()) publish_batch();
  });
}

void Ours::publish_next() {
  publish(sent_++, [this](const Result<Published>& published) {
    need(published.ok(), "a publish failed");
    ++done_;
    note(done_);
    if (sent_ < total()) publish_next();
  });
}

void Ours::publish_echo() {
  started_at_ = monotonic_ns();
  publish(0, {});
}

Measured Ours::run() {
  // Only what is used: memory is measured too.
  for (std::uint64_t row = 0; work_.traffic != Traffic::in && row < kInputCount; ++row) {
    bodies_.push_back(event_document(row));
  }
  if (work_.traffic == Traffic::echo) samples_.reserve(work_.count);
  client_.connect();
  if (work_.traffic != Traffic::out) {
    client_.subscribe([this](const Event& event) { on_event(event); });
  }
  if (work_.warm == 0) note(0);
  // The first publishes are made inside a turn, as all others are: in a callback.
  if (work_.traffic != Traffic::in) {
    const Status posted = client_.reactor().post([this] {
      if (work_.traffic == Traffic::echo) return publish_echo();
      if (work_.qos == 0) return publish_batch();
      while (sent_ < kWindow) publish_next();
    });
    need(posted.ok(), "a task could not be posted");
  }
  client_.reactor().run();
  keep(bytes_);
  Measured measured = per_message(before_, after_, work_.count);
  std::sort(samples_.begin(), samples_.end());
  measured.samples = std::move(samples_);
  return measured;
}

}  // namespace

Measured run_ours(const Work& work, const Target& target) { return Ours(work, target).run(); }

}  // namespace axonpush::bench
