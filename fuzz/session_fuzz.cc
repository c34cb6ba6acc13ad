// The whole client in the virtual world, above TLS: the input is what both servers send, what the program calls, from
// inside callbacks too, what fails, and when. After it the servers behave again, and the client has to recover. Traps
// when
//   - a byte the client writes is not legal, or the key, the token or the query goes where it does not belong;
//   - an accepted publish, a subscribe or a disconnect is told of twice, or never (I-01, I-24);
//   - a callback runs inside another, after unsubscribe, after disconnect's completion or after the client's end;
//   - states do not follow each other, or the client is not live two minutes after everything works again;
//   - something is left behind: a connection, a deadline, memory;
//   - (every 64th execution) a secret stands in a text the library gave away, or in memory it gave back (I-35, I-36).
#include <axonpush/client.h>
#include <axonpush/trace.h>

#include <array>
#include <optional>

#include "choices.h"
#include "servers.h"
#include "support/allocations.h"
#include "support/taint.h"
#include "whole_client.h"

namespace {

using namespace axonpush;        // NOLINT
using namespace axonpush::fuzz;  // NOLINT

constexpr std::array<std::string_view, 6> kChannels = {"a", "b", "", "c/d", "+", "\xC3\x28"};
constexpr std::array<std::string_view, 8> kTopics = {"axonpush/org_1/default/default/a/_/_",
                                                     "axonpush/org_1/default/x/b/start/agent",
                                                     "axonpush/org_1/default/x/z/_/_",
                                                     "axonpush/org_1/default/default/a/_",
                                                     "axonpush/org_1//////",
                                                     "elsewhere",
                                                     "a/+",
                                                     ""};
const std::string kLarge(std::size_t{256} * 1024, 'x');
constexpr std::string_view kForeignPrefix = "topicPrefix has changed under a live session";
// A whole input stays below what would take a second of real time to play out.
constexpr unsigned kStepsMax = 150;

// What must be told exactly once: nullptr stands for told or refused.
struct Tellings {
  std::vector<const char*> owed;
  std::size_t begin(const char* what) {
    owed.push_back(what);
    return owed.size() - 1;
  }
  void refused(std::size_t index) { owed[index] = nullptr; }
  void tell(std::size_t index) {
    require(owed[index] != nullptr, "told twice, or although it was refused");
    owed[index] = nullptr;
  }
  void require_all() const {
    for (const char* const what : owed) require(what == nullptr, what);
  }
};

class Harness : private TraceSink {
 public:
  Harness(const std::uint8_t* data, std::size_t size, bool scan)
      : secrets_(data, size), choices_({data, size}), scan_(scan) {
    if (!scan_) return;
    taint_.add("the API key", secrets_.key);
    taint_.add("the token", secrets_.token);
    taint_.add("the query", secrets_.query);
    blocks_.emplace(&Harness::show_block, this);
  }

  void run() {
    {
      sim::World world(choices_.byte());
      world_ = &world;
      Servers servers(world, secrets_);
      servers_ = &servers;
      sim::VirtualHost host(world, 1);
      host_ = &host;
      begin();
      unsigned steps = 0;
      while (!choices_.empty() && ++steps < kStepsMax) step();
      end();
      rt_ = Realtime();
      client_.reset();
      world.clear();
    }
    if (!blocks_) return;
    require(blocks_->outstanding() == 0, "memory is left behind");
    require(blocks_->largest() <= std::size_t{4} * 1024 * 1024, "a single allocation is over 4 MiB (I-33)");
  }

 private:
  // --- The start and the end
  void begin() {
    constexpr std::array<Duration, 6> kLives = {seconds(61), seconds(100), seconds(180),
                                                hours(1),    hours(25),    seconds(9)};
    const std::uint8_t bits = choices_.byte();
    servers_->lifetime = kLives[choices_.below(kLives.size())];
    servers_->same_client_id = (bits & 1) != 0;
    servers_->session_present = (bits & 2) != 0;
    if ((bits & 4) != 0) servers_->connack_properties = std::string("\x21\0\2\x27\0\0\1\0\x22\0\4\x13\0\x14", 14);
    client_.emplace(*host_, ClientOptions{.api_key = secrets_.key,
                                          .tenant_id = "org_1",
                                          .base_url = "https://api.example.com",
                                          .read_environment = false,
                                          .trace = this});
    options_bits_ = choices_.byte();
    connect();
  }

  // Of calls that share a session only the first may bring callbacks.
  RealtimeOptions options(bool with_callbacks) {
    RealtimeOptions made;
    made.qos = (options_bits_ & 1) != 0 ? Qos::at_most_once : Qos::at_least_once;
    made.ordered_swap = (options_bits_ & 2) != 0;
    made.latency_histograms = (options_bits_ & 4) != 0;
    if ((options_bits_ & 8) != 0) made.keep_alive = Duration::zero();
    if ((options_bits_ & 16) != 0) made.receive_maximum = 2;
    if ((options_bits_ & 32) != 0) made.packet_bytes_max = 4'096;
    if ((options_bits_ & 64) != 0) made.publish_queue_count = 3;
    if (!with_callbacks) return made;
    made.on_error = [this](const ErrorReport& report) {
      const Running running(*this);
      // Nothing but the topic prefix of a session that took the input's own differs from what works.
      foreign_prefix_ = foreign_prefix_ || (healing_ && report.error.what() == kForeignPrefix);
      note(report.error);
      note(report.subject);
      act_inside();
    };
    made.on_state = [this](const StateChange& change) {
      const Running running(*this);
      require(change.from == state_ && change.to != state_, "states follow each other");
      state_ = change.to;
      note(change.reason);
      act_inside();
    };
    made.on_gap = [this](const PossibleGap& gap) {
      const Running running(*this);
      require(gap.from <= gap.to && gap.to <= world_->now(), "a gap lies in the past");
    };
    return made;
  }

  void connect() {
    if (!client_) return;
    const std::size_t index = tellings_.begin("connect was never told of");
    const bool first = !client_begun_ || state_ == ConnectionState::closed;
    const Status begun = client_->connect_realtime(options(first), [this, index](const Result<Realtime>& result) {
      const Running running(*this);
      tellings_.tell(index);
      note(result.error());
      if (result.ok()) rt_ = *result;
      act_inside();
    });
    if (!begun.ok()) tellings_.refused(index);
    if (begun.ok() && first) {
      client_begun_ = true;
      state_ = ConnectionState::idle;
    }
  }

  // Everything works from here on: the client comes back by itself, says good-bye and leaves nothing.
  void end() {
    fail_.reset();
    host_->random().failing = false;
    Servers& servers = *servers_;
    servers.answers_api = servers.answers_upgrade = servers.answers_connect = true;
    servers.answers_subscribe = servers.answers_publish = servers.answers_ping = true;
    servers.lifetime = hours(1);
    servers.connack_properties.clear();
    world_->plan = [](const Endpoint&) { return sim::DialPlan{}; };
    healing_ = true;
    for (BrokerEnd* broker : servers.brokers) {
      broker->link().frozen = broker->link().stuck = false;
      // What is wedged for good, because the server never answers, ends with its connection.
      broker->link().end(sim::Connection::Cut::reset);
    }
    world_->run_for(seconds(1));
    if (client_ && client_begun_) {
      const auto settled = [this] {
        return !client_ || rt_live() || foreign_prefix_ || state_ == ConnectionState::closed;
      };
      require(world_->run_until(settled, minutes(12)), "live again when everything works");
    }
    if (client_ && rt_.state() != ConnectionState::closed && rt_.session() != 0) {
      bool told = false;
      const Status status = rt_.disconnect([this, &told](const Status&) {
        const Running running(*this);
        told = true;
        over_ = true;
      });
      require(!status.ok() || world_->run_until([&] { return told || !client_; }, seconds(30)),
              "disconnect comes to its end");
      if (told) {
        world_->run_for(seconds(1));
        require(host_->open_connections() == 0, "a connection is left behind (I-24)");
        require(host_->armed() == Instant::never(), "a deadline is left behind (I-24)");
        tellings_.require_all();
      }
    }
    client_.reset();
    gone_ = true;
    world_->run_for(minutes(1));
    require(host_->open_connections() == 0, "a connection outlives its client");
  }
  [[nodiscard]] bool rt_live() const { return rt_.state() == ConnectionState::live; }

  // --- Steps. Three bits say how much time passes afterwards, five say what happens.
  void step() {
    constexpr std::array<Duration, 8> kWaits = {Duration::zero(), milliseconds(1), milliseconds(3), milliseconds(40),
                                                seconds(1),       seconds(3),      seconds(11),     seconds(45)};
    const std::uint8_t choice = choices_.byte();
    const unsigned what = choice & 31;
    if (what < 12) {
      server_step(what);
    } else if (what < 18) {
      world_step(what);
    } else {
      call(what - 18);
    }
    world_->run_for(kWaits[choice >> 5]);
  }

  BrokerEnd* broker() {
    const std::vector<BrokerEnd*>& all = servers_->brokers;
    if (all.empty()) return nullptr;
    return all.size() > 1 && (choices_.byte() & 1) != 0 ? all[all.size() - 2] : all.back();
  }

  void server_step(unsigned what) {
    if (what >= 9) return api_step(what);
    BrokerEnd* const to = broker();
    if (to == nullptr) return;
    switch (what) {
      case 0:
        return to->say_raw(choices_.text());
      case 1: {
        const int first = choices_.byte();
        return to->say_frame(first, choices_.text());
      }
      case 2:
      case 3: {
        const int first = choices_.byte();
        return to->say_packet(first, std::string(choices_.text()));
      }
      case 4:
      case 5:
        return deliver(*to);
      case 6: {
        const std::uint8_t how = choices_.byte();
        if (how < 64) return to->accept_upgrade();
        if (how < 96) return to->accept_connect();
        if (how < 176) return to->answer_subscribe(how >= 160 ? choices_.byte() : std::uint8_t{0});
        return to->answer_publish(how >= 240 ? choices_.byte() : std::uint8_t{0});
      }
      case 7:
        return to->say_packet(0xE0, std::string(1, static_cast<char>(choices_.byte())) + '\0');
      default: {
        const std::uint8_t how = choices_.byte();
        if (how < 64) return to->link().end(sim::Connection::Cut::orderly);
        if (how < 128) return to->link().end(sim::Connection::Cut::reset);
        if (how < 160) to->link().frozen = !to->link().frozen;
        if (how >= 160 && how < 192) to->link().stuck = !to->link().stuck;
        if (how >= 192) to->link().chunk = how == 255 ? SIZE_MAX : how - 191U;
      }
    }
  }

  void deliver(BrokerEnd& to) {
    const std::uint8_t how = choices_.byte();
    const std::string_view topic = kTopics[how & 7];
    const int qos = how >> 3 & 3;
    std::string body;
    switch (how >> 5) {
      case 0:
        body = R"({"eventId":"e)" + std::to_string(choices_.byte() & 3) + R"(","payload":{}})";
        break;
      case 1:
        body = R"({"identifier":"i","payload":{"n":1},"traceId":"t1"})";
        break;
      case 2:
        body = R"({"payload":")" + secrets_.payload + "\\q\"}";  // broken, so that an error is told of it
        break;
      default:
        body = choices_.text();
    }
    to.deliver(topic, body, qos, static_cast<std::uint16_t>(choices_.byte() & 7));
  }

  void api_step(unsigned what) {
    const std::uint8_t how = choices_.byte();
    if (what == 9) {
      // How dials go from now on.
      const std::uint16_t port = (how & 1) != 0 ? 443 : 8443;
      const auto fate = static_cast<sim::DialPlan::Fate>((how >> 1) % 3);
      world_->plan = [port, fate](const Endpoint& endpoint) {
        return endpoint.port == port ? sim::DialPlan{.fate = fate} : sim::DialPlan{};
      };
      return;
    }
    if (servers_->apis.empty()) return;
    ApiEnd& api = *servers_->apis.back();
    if (what == 10) return api.say(std::string(choices_.text()));
    constexpr std::array<int, 16> kStatuses = {200, 201, 204, 301, 400, 401, 403, 404,
                                               405, 408, 422, 429, 500, 502, 503, 100};
    switch (how >> 4) {
      case 0:
        return api.link().end(sim::Connection::Cut::orderly);
      case 1:
        return api.link().end(sim::Connection::Cut::reset);
      case 2:
        return api.say(servers_->answer(kStatuses[how & 15], "Retry-After: 7\r\n", ""));
      case 3:
        return api.say(
            servers_->answer(kStatuses[how & 15], "", R"({"code":"c","message":"no","hint":"h","requestId":"r"})"));
      case 4:
        return api.say(servers_->answer(kStatuses[how & 15], std::string(choices_.text()), servers_->credentials()));
      case 5:
        return api.say(servers_->answer(kStatuses[how & 15], "", std::string(choices_.text())));
      default: {
        // Credentials with a few bytes of the input's somewhere in them.
        std::string body = servers_->credentials();
        const std::string_view patch = choices_.text();
        body.replace((choices_.byte() * body.size()) >> 8, patch.size() * (how & 1), patch);
        return api.say(servers_->answer(200, "", body));
      }
    }
  }

  void world_step(unsigned what) {
    const std::uint8_t how = choices_.byte();
    switch (what) {
      case 12:
        servers_->answers_api ^= (how & 1) != 0;
        servers_->answers_upgrade ^= (how & 2) != 0;
        servers_->answers_connect ^= (how & 4) != 0;
        servers_->answers_subscribe ^= (how & 8) != 0;
        servers_->answers_publish ^= (how & 16) != 0;
        servers_->answers_ping ^= (how & 32) != 0;
        servers_->session_present ^= (how & 64) != 0;
        return;
      case 13:
        servers_->connack_properties = std::string(choices_.text()).substr(0, 100);
        return;
      case 14:
        fail_.reset();
        fail_.emplace(1U + (how >> 1),
                      (how & 1) != 0 ? test::FailAllocations::Mode::from_then_on : test::FailAllocations::Mode::once);
        return;
      case 15:
        fail_.reset();
        host_->random().failing = (how & 7) == 0;
        return;
      case 16:
        host_->wall_offset = hours(static_cast<std::int64_t>(how) * 97 - 12'000);
        return;
      default:
        // To the very instant the client waits for.
        if (host_->armed() < world_->now() + hours(2)) world_->run_for(host_->armed() - world_->now());
    }
  }

  // --- What the program calls
  void call(unsigned what) {
    switch (what) {
      case 0:
      case 1:
        return subscribe();
      case 2:
        return unsubscribe();
      case 3:
      case 4:
      case 5:
      case 6:
        return publish();
      case 7:
        return on_event();
      case 8:
        if (rt_.disconnect([this, index = tellings_.begin("disconnect was never told of (I-24)")](const Status&) {
                 const Running running(*this);
                 tellings_.tell(index);
               })
                .ok()) {
          // A handle of no session is told nothing.
          if (rt_.session() == 0) tellings_.refused(tellings_.owed.size() - 1);
        } else {
          tellings_.refused(tellings_.owed.size() - 1);
        }
        return;
      case 9:
        return connect();
      case 10:
        static_cast<void>(rt_.refresh_now());
        return;
      case 11:
        static_cast<void>(rt_.stats());
        static_cast<void>(rt_.latency());
        return;
      case 12:
        if ((choices_.byte() & 7) != 0) return;
        client_.reset();
        gone_ = true;
        return;
      default:
        // The same as one turn's work.
        if (inside_ == 0) host_->in_turn([this] { call(choices_.byte() % 8U); });
    }
  }

  // Sometimes a callback calls back, at most a few times an input.
  void act_inside() {
    if (healing_ || choices_.empty() || nested_calls_ == 0) return;
    const std::uint8_t choice = choices_.byte();
    if (choice < 160) return;
    --nested_calls_;
    call(choice % 13U);
  }

  struct Taken {
    Subscription subscription;
    std::string_view channel;
    bool off = false;
  };

  void subscribe() {
    const std::uint8_t how = choices_.byte();
    const std::size_t index = taken_.size();
    const std::size_t telling = tellings_.begin("subscribe was never told of");
    SubscribeFilter filter{.channel_id = kChannels[how % kChannels.size()]};
    if ((how & 64) != 0) filter.trace_id = "t1";
    if ((how & 128) != 0) filter.event_type = "start";
    taken_.push_back({{}, filter.channel_id});
    auto callback = [this, index](const Event& event) { received(event, index); };
    auto done = [this, telling](const Status& status) {
      const Running running(*this);
      tellings_.tell(telling);
      note(status.error());
      act_inside();
    };
    const Result<Subscription> made =
        (how & 32) != 0 ? rt_.subscribe_raw(filter, callback, done) : rt_.subscribe(filter, callback, done);
    if (made.ok()) {
      taken_[index].subscription = *made;
    } else {
      tellings_.refused(telling);
      note(made.error());
    }
  }

  void unsubscribe() {
    if (taken_.empty()) return;
    const std::uint8_t how = choices_.byte();
    Taken& one = taken_[how % taken_.size()];
    const std::size_t telling = tellings_.begin("unsubscribe was never told of");
    const Status status = rt_.unsubscribe(one.subscription, [this, telling](const Status&) {
      const Running running(*this);
      tellings_.tell(telling);
      act_inside();
    });
    if (!status.ok()) tellings_.refused(telling);
    // On an exhausted heap the completion is refused, and the callback is off all the same.
    if (one.subscription.generation != 0 && status.error().code() != Errc::closed) {
      one.off = one.off || one.subscription.session == rt_.session();
    }
  }

  void on_event() {
    const Result<EventHandler> made = rt_.on_event([this](const Event& event) {
      const Running running(*this);
      require(event.valid(), "on_event sees JSON only");
      act_inside();
    });
    if (made.ok() && (choices_.byte() & 1) != 0) static_cast<void>(rt_.off_event(*made));
  }

  void publish() {
    const std::uint8_t how = choices_.byte();
    const std::size_t telling = tellings_.begin("a publish was never told of (I-01)");
    auto done = [this, telling](const Result<Published>& outcome) {
      const Running running(*this);
      tellings_.tell(telling);
      note(outcome.error());
      act_inside();
    };
    PublishOptions with;
    with.qos = static_cast<PublishOptions::Delivery>(how & 3);
    const std::string_view channel = kChannels[(how >> 2 & 7) % kChannels.size()];
    Status status;
    if ((how & 0xC0) == 0xC0) {
      // Large: corks, queues and packet limits.
      const std::string_view body = std::string_view(kLarge).substr(0, std::size_t{256} << (how >> 2 & 15));
      status = rt_.publish_raw({.channel_id = "a", .body = bytes_of(body)}, done, with);
    } else if ((how & 0xC0) == 0x80) {
      status = rt_.publish_raw({.channel_id = channel, .body = bytes_of(choices_.text())}, done, with);
    } else if ((how & 0xC0) == 0x40) {
      const std::string body = R"({"secret":")" + secrets_.payload + "\"}";
      status = rt_.publish({.channel_id = channel, .identifier = "i", .payload = Payload::borrowed(body)}, done, with);
    } else {
      status = rt_.publish({.channel_id = channel, .identifier = choices_.text(), .payload = {{"n", 1}}}, done, with);
    }
    if (status.ok()) return;
    tellings_.refused(telling);
    note(status.error());
  }

  void received(const Event& event, std::size_t index) {
    const Running running(*this);
    require(!taken_[index].off, "no callback after unsubscribe (R-42)");
    const TopicSegments segments = event.segments();
    const std::string_view channel = taken_[index].channel;
    if (channel == "a" || channel == "b") require(segments.channel_id == channel, "the filter's own events (I-08)");
    static_cast<void>(event.identifier().size() + event.trace_id().size() + event.payload().raw.size());
    static_cast<void>(event.error().offset());
    act_inside();
  }

  // --- What is watched
  // One callback at a time, and none after the end.
  class Running {
   public:
    explicit Running(Harness& harness) : harness_(harness) {
      require(!harness_.gone_, "a callback after the client's end (R-47)");
      require(!harness_.over_, "a callback after disconnect's completion (I-24)");
      require(harness_.inside_ == 0, "a callback inside a callback (I-27)");
      ++harness_.inside_;
    }
    ~Running() { --harness_.inside_; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    Harness& harness_;
  };

  void note(const Error& error) {
    if (!scan_ || !error) return;
    char text[2'048];
    note(std::string_view(text, error.format(text)));
    const ServerWords words = error.server_words();
    for (const std::string_view each : {words.message, words.code, words.hint, words.request_id, error.what()}) {
      note(each);
    }
  }
  void note(std::string_view text) {
    if (!scan_) return;
    const char* const found = taint_.find(text);
    if (found != nullptr) std::fprintf(stderr, "%s stands in \"%.*s\"\n", found, int(text.size()), text.data());
    require(found == nullptr, "a secret in a text (I-35)");
    require(text.find(secrets_.payload) == std::string_view::npos, "a payload in a text (I-35)");
  }
  void record(const TraceRecord& record) noexcept override {
    if (!scan_) return;
    char text[512];
    note(std::string_view(text, FlightRecorder::format_json(record, text)));
  }
  static void show_block(void* context, const void* memory, std::size_t size) {
    const auto* const self = static_cast<const Harness*>(context);
    const char* const found = self->taint_.find({static_cast<const char*>(memory), size});
    if (found != nullptr) std::fprintf(stderr, "%s stands in a freed block of %zu bytes\n", found, size);
    require(found == nullptr, "a secret in memory that was given back (I-36)");
  }

  Secrets secrets_;
  Choices choices_;
  bool scan_;
  test::Taint taint_;
  std::optional<test::WatchBlocks> blocks_;
  std::optional<test::FailAllocations> fail_;
  sim::World* world_ = nullptr;
  Servers* servers_ = nullptr;
  sim::VirtualHost* host_ = nullptr;
  std::optional<Client> client_;
  Realtime rt_;
  Tellings tellings_;
  std::vector<Taken> taken_;
  ConnectionState state_ = ConnectionState::idle;
  std::uint8_t options_bits_ = 0;
  unsigned nested_calls_ = 8;
  int inside_ = 0;
  bool client_begun_ = false;
  bool healing_ = false;
  bool foreign_prefix_ = false;
  bool over_ = false;
  bool gone_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static unsigned executions = 0;
  const test::Arena arena;
  Harness(data, size, executions++ % 64 == 0).run();
  return 0;
}
