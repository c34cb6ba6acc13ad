// A swap of connections, over and over: credentials of a minute and a half, and the input says how fast each connection
// is, when the new one's answers come, which events are sent on which connection and in which order, how much of the
// stream one read gives, and when a connection dies. A plain list of what was sent stands beside it. Traps when
//   - an event that was sent whole on a connection that lived is not delivered, or one with an id is delivered twice
//     (I-05, I-06, I-09);
//   - two events of one connection are delivered in another order than they were sent in (I-10);
//   - a publish is completed twice or never, is acknowledged and did not arrive, or is overtaken on its way (I-01 to
//     I-04);
//   - the client leaves the old connection before the new one has granted every filter (I-19), or two live at the end.
#include <axonpush/client.h>

#include <array>
#include <map>
#include <optional>

#include "choices.h"
#include "servers.h"
#include "support/allocations.h"
#include "whole_client.h"

namespace {

using namespace axonpush;        // NOLINT
using namespace axonpush::fuzz;  // NOLINT

constexpr unsigned kStepsMax = 120;
constexpr std::string_view kTopic = "axonpush/org_1/default/default/a/_/_";

// What the servers sent: by number, which is also the event's body and, for an even one, its id.
struct SentEvent {
  unsigned deliveries = 0;
  bool must_arrive = false;
  bool with_id = false;
  unsigned copies = 0;
  Instant sent_at;
};

class Harness {
 public:
  Harness(const std::uint8_t* data, std::size_t size) : secrets_(data, size), choices_({data, size}) {}

  void run() {
    sim::World world(choices_.byte());
    world_ = &world;
    Servers servers(world, secrets_);
    servers_ = &servers;
    sim::VirtualHost host(world, 1);
    host_ = &host;
    if (begin()) {
      unsigned steps = 0;
      while (!choices_.empty() && ++steps < kStepsMax) step();
      end();
    }
    rt_ = Realtime();
    client_.reset();
    world.clear();
  }

 private:
  bool begin() {
    const std::uint8_t bits = choices_.byte();
    servers_->lifetime = seconds(90);
    servers_->same_client_id = takeover_ = (bits & 1) != 0;
    servers_->session_present = (bits & 2) != 0;
    servers_->on_publish = [this](const BrokerEnd& broker, const std::string& body) { stored(broker, body); };
    RealtimeOptions options;
    options.refresh_jitter = (bits & 4) != 0;
    options.ordered_swap = (bits & 8) != 0;
    options.qos = (bits & 16) != 0 ? Qos::at_most_once : Qos::at_least_once;
    client_.emplace(*host_, ClientOptions{.api_key = secrets_.key,
                                          .tenant_id = "org_1",
                                          .base_url = "https://api.example.com",
                                          .read_environment = false});
    static_cast<void>(client_->connect_realtime(std::move(options), [this](const Result<Realtime>& result) {
      if (result.ok()) rt_ = *result;
    }));
    world_->run_until([this] { return rt_.session() != 0; });
    bool granted = false;
    for (const std::string_view channel : {"a", "b", "c"}) {
      static_cast<void>(rt_.subscribe(
          {.channel_id = channel}, [this](const Event& event) { received(event); },
          [&granted](const Status& status) { granted = status.ok(); }));
    }
    return world_->run_until([&granted] { return granted; });
  }

  // --- Steps
  void step() {
    constexpr std::array<Duration, 8> kWaits = {Duration::zero(),  milliseconds(1),   milliseconds(2), milliseconds(20),
                                                milliseconds(300), milliseconds(900), seconds(3),      seconds(31)};
    const std::uint8_t choice = choices_.byte();
    switch (choice & 7) {
      case 0:
      case 1:
        send_event();
        break;
      case 2:
        publish();
        break;
      case 3:
        servers_->answers_subscribe ^= true;
        break;
      case 4:
        for (BrokerEnd* broker : servers_->brokers) {
          if ((choices_.byte() & 1) != 0) broker->answer_subscribe();
        }
        break;
      case 5:
        servers_->answers_publish ^= true;
        if (servers_->answers_publish) {
          for (BrokerEnd* broker : servers_->brokers) {
            while (!broker->publishes.empty()) broker->answer_publish();
          }
        }
        break;
      case 6:
        disturb();
        break;
      default:
        // To the refresh.
        if (host_->armed() < world_->now() + minutes(2)) pass(host_->armed() - world_->now());
    }
    pass(kWaits[choice >> 5]);
  }

  void disturb() {
    BrokerEnd* const one = some_broker();
    if (one == nullptr) return;
    const std::uint8_t how = choices_.byte();
    if (how < 32) {
      // From here on nothing is promised of what it sent and was not read yet.
      for (auto& [number, sent] : events_) {
        if (sent.deliveries == 0) sent.must_arrive = false;
      }
      disturbed_ = true;
      one->cut((how & 1) != 0 ? sim::Connection::Cut::orderly : sim::Connection::Cut::reset);
    } else if (how < 96) {
      one->link().chunk = how == 32 ? SIZE_MAX : how - 31U;
    } else if (how < 160) {
      one->link().latency = milliseconds(how - 95);
    } else {
      latency_ = milliseconds((how - 159) * 10);
      world_->plan = [this](const Endpoint&) { return sim::DialPlan{.latency = latency_}; };
    }
  }

  BrokerEnd* some_broker() {
    const std::vector<BrokerEnd*>& all = servers_->brokers;
    if (all.empty()) return nullptr;
    return all.size() > 1 && (choices_.byte() & 1) != 0 ? all[all.size() - 2] : all.back();
  }

  // One event, to every connection that has asked for it, or to one of them only; sometimes twice to one that lags.
  void send_event() {
    const std::uint8_t how = choices_.byte();
    const unsigned number = ++events_sent_;
    SentEvent& sent = events_[number];
    sent.with_id = (how & 1) != 0;
    sent.sent_at = world_->now();
    const std::string text = std::to_string(number);
    const std::string body =
        sent.with_id ? R"({"eventId":")" + text + R"(","n":)" + text + "}" : R"({"n":)" + text + "}";
    const std::vector<BrokerEnd*> all = servers_->brokers;
    for (BrokerEnd* broker : all) {
      const bool only_newest = (how & 6) == 2;
      if (broker->filters.size() < 3 || broker->left || broker->ended || !broker->link().client_alive()) continue;
      if (only_newest && broker != all.back()) continue;
      broker->deliver(kTopic, body, (how & 8) != 0 ? 1 : 0, ++packet_id_ == 0 ? ++packet_id_ : packet_id_);
      // In a takeover QoS 0 may be lost, and at QoS 1 a broker would send again what this one forgets. What goes to the
      // newest connection alone may go to one that is given up; and after a disturbance nothing is promised.
      sent.must_arrive = !takeover_ && !disturbed_ && (all.size() == 1 || !only_newest);
      ++sent.copies;
    }
  }

  void publish() {
    const unsigned number = ++published_;
    const std::string body = "p" + std::to_string(number);
    const auto with =
        (choices_.byte() & 1) != 0 ? PublishOptions::Delivery::at_least_once : PublishOptions::Delivery::at_most_once;
    const bool confirmed = with == PublishOptions::Delivery::at_least_once;
    owed_[number] = true;
    const Status status =
        rt_.publish_raw({.channel_id = "out", .body = bytes_of(body)},
                        [this, number, confirmed](const Result<Published>& outcome) {
                          require(owed_[number], "a publish is told of twice (I-01)");
                          owed_[number] = false;
                          if (outcome.ok() && confirmed)
                            require(arrived_.count(number) != 0, "acknowledged, and never arrived (I-02)");
                        },
                        {.qos = with});
    if (!status.ok()) owed_[number] = false;
  }

  // Time passes in small pieces, so that what happens in between is looked at.
  void pass(Duration span) {
    const Instant until = world_->now() + span;
    while (world_->now() < until) {
      const Duration piece = until - world_->now() < milliseconds(250) ? until - world_->now() : milliseconds(250);
      world_->run_for(piece);
      watch();
    }
    world_->run_for(Duration::zero());
    watch();
  }

  void watch() {
    bool granted = false;
    for (BrokerEnd* broker : servers_->brokers) {
      granted = granted || (broker->connected && broker->filters.size() == 3 && broker->subscribes.empty());
    }
    // The old one goes only when the new one has every filter granted.
    if (disturbed_ || takeover_) return;
    require(granted || servers_->brokers.empty(), "left before the new one was ready (I-19)");
  }

  // First copies go out in call order on each connection (I-04).
  void stored(const BrokerEnd& broker, const std::string& body) {
    const auto number = static_cast<unsigned>(std::strtoul(body.c_str() + 1, nullptr, 10));
    require(body.size() > 1 && body[0] == 'p' && number <= published_, "a publish nobody made");
    if (!arrived_.insert(number).second) return;
    unsigned& last = last_[&broker];
    require(disturbed_ || number > last, "a publish is overtaken (I-04)");
    last = number;
  }

  void received(const Event& event) {
    const std::string body(event.text());
    const std::size_t at = body.find("\"n\":");
    require(at != std::string::npos, "an event nobody sent (I-05)");
    const auto number = static_cast<unsigned>(std::strtoul(body.c_str() + at + 4, nullptr, 10));
    const auto found = events_.find(number);
    require(found != events_.end(), "an event nobody sent (I-05)");
    SentEvent& sent = found->second;
    ++sent.deliveries;
    require(sent.deliveries <= sent.copies, "delivered more often than sent");
    if (sent.with_id && !disturbed_) require(sent.deliveries == 1, "an event with an id is delivered twice (I-06)");
    // Matched one to one: a second copy on the other connection is no second event.
    if (!disturbed_ && !takeover_) require(sent.deliveries == 1, "an event is delivered twice (R-40)");
  }

  void end() {
    servers_->answers_subscribe = servers_->answers_publish = true;
    for (BrokerEnd* broker : servers_->brokers) {
      while (!broker->subscribes.empty()) broker->answer_subscribe();
      while (!broker->publishes.empty()) broker->answer_publish();
    }
    pass(seconds(20));
    for (const auto& [number, sent] : events_) {
      require(!sent.must_arrive || sent.deliveries != 0, "an event is lost (I-09)");
    }
    require(world_->run_until([this] { return rt_.state() == ConnectionState::live; }, minutes(10)), "live at the end");
    world_->run_for(seconds(30));
    for (const auto& [number, owed] : owed_) require(!owed, "a publish is never told of (I-01)");
    bool told = false;
    require(rt_.disconnect([&told](const Status&) { told = true; }).ok(), "disconnect is accepted");
    require(world_->run_until([&told] { return told; }, minutes(1)), "disconnect comes to its end");
    require(host_->open_connections() == 0, "a connection is left behind (I-24)");
  }

  Secrets secrets_;
  Choices choices_;
  sim::World* world_ = nullptr;
  Servers* servers_ = nullptr;
  sim::VirtualHost* host_ = nullptr;
  std::optional<Client> client_;
  Realtime rt_;
  std::map<unsigned, SentEvent> events_;
  std::map<unsigned, bool> owed_;
  std::map<const BrokerEnd*, unsigned> last_;
  std::set<unsigned> arrived_;
  Duration latency_ = milliseconds(1);
  unsigned events_sent_ = 0;
  unsigned published_ = 0;
  std::uint16_t packet_id_ = 0;
  bool takeover_ = false;
  bool disturbed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::Arena arena;
  Harness(data, size).run();
  return 0;
}
