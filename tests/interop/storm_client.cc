#include "interop/storm_client.h"

#include <time.h>

#include <cstdio>
#include <cstdlib>

namespace interop {

namespace {

using namespace axonpush;

constexpr Duration kTick = milliseconds(20);
constexpr Duration kCredentialsLife = seconds(12);
constexpr Duration kSettleMax = seconds(150);  // twice the longest wait between two attempts, and a dial
constexpr Duration kSettleCalm = seconds(30);
constexpr Duration kLateCopies = milliseconds(1'500);

std::string sentence(const Error& error) {
  char text[512];
  return std::string(text, error.format(text));
}

std::string expiry() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::time_t at = now.tv_sec + static_cast<std::time_t>(kCredentialsLife.seconds());
  std::tm parts = {};
  gmtime_r(&at, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

// A path that is cut changes no byte: what only wrong bytes, a wrong certificate or a mistake of ours explain never
// comes, and neither does a conflict, for each client has its client ids to itself.
// A server whose client's stream ends within a handshake says so with an alert: decode_error (RFC 8446 6.2).
constexpr std::uint32_t kDecodeError = 1'050;

bool explained_by_cuts(const Error& error) {
  switch (error.code()) {
    case Errc::tls_protocol:
      return error.number() == kDecodeError;
    case Errc::http_truncated:
    case Errc::tls_truncated:
    case Errc::credentials_expired:
    case Errc::server_closed:
    case Errc::connect_failed:
    case Errc::connect_timeout:
    case Errc::connection_lost:
    case Errc::http_timeout:
    case Errc::keepalive_timeout:
    case Errc::ack_timeout:
      return true;
    default:
      return false;
  }
}

void add(Stats& sum, const Stats& one) {
  sum.events += one.events;
  sum.duplicates_dropped += one.duplicates_dropped;
  sum.dedup_overflow += one.dedup_overflow;
  sum.resent += one.resent;
  sum.fetches += one.fetches;
  sum.connections += one.connections;
  sum.swaps += one.swaps;
  sum.refresh_failures += one.refresh_failures;
  sum.reconnects += one.reconnects;
  sum.gaps += one.gaps;
}

}  // namespace

StormClient::StormClient(StormWorld& world, std::size_t number, const Terms& terms)
    : world_(world), number_(number), terms_(terms), random_(world.seed * 0x10001 + number) {
  world_.proxy.weather(number_, Weather::calm);
}

StormClient::~StormClient() { world_.reactor.disarm(*this); }

void StormClient::enter(Stage stage, Instant deadline) {
  stage_ = stage;
  deadline_ = deadline;
}

void StormClient::on_timer(Instant now) noexcept {
  switch (stage_) {
    case Stage::resting:
      if (!world_.stopping) {
        begin(now);
      } else {
        enter(Stage::done, Instant::never());
      }
      break;
    case Stage::connecting:
      if (refused_) {
        client_.reset();
        ++world_.connects_failed;
        enter(Stage::resting, Instant::never());
        return world_.reactor.arm(*this, now + seconds(1));
      }
      if (filters_ != 0 && granted_ == filters_) {
        enter(Stage::running, terms_.calm ? Instant::never() : now + seconds(random_.between(30, 70)));
      } else if (now >= deadline_) {
        ledger_->wrong("a session did not come to its subscriptions");
        leave(now);
      }
      break;
    case Stage::running:
      traffic(now);
      if (world_.stopping || now >= deadline_) {
        world_.proxy.weather(number_, Weather::calm);
        enter(Stage::settling, now + (terms_.calm ? kSettleCalm : kSettleMax));
        leave_at_ = Instant::never();
      }
      break;
    case Stage::settling:
      settle(now);
      break;
    case Stage::leaving:
      if (!left_ && now >= deadline_) ledger_->wrong("disconnect() did not complete");
      if (left_ || now >= deadline_) return end(now);
      break;
    case Stage::done:
      return;
  }
  if (stage_ != Stage::done) world_.reactor.arm(*this, now + kTick);
}

// --- A session begins

ClientOptions StormClient::client_options() {
  const std::string address = "127.1." + std::to_string(number_ >> 8) + "." + std::to_string(number_ & 0xFF);
  ClientOptions options;
  options.read_environment = false;
  options.api_key = world_.api_key;
  options.tenant_id = world_.tenant_id;
  options.base_url = "https://localhost:" + std::to_string(world_.service_port);
  options.connect_address = options.broker_connect_address = address;
  options.trace = this;
  if (!terms_.calm) {
    options.timeout = options.head_timeout = options.handshake_timeout = seconds(4);
    options.fetch_timeout = seconds(10);
  }
  // The service names one client id for everybody, or a new one each time: a client that keeps its own asks here.
  if (terms_.takeover) options.credentials_source = [this](CredentialsAnswer& answer) { credentials(answer); };
  return options;
}

void StormClient::credentials(CredentialsAnswer& answer) {
  const std::string port = std::to_string(world_.broker_port);
  answer.body(R"({"endpoint":"localhost:)" + port + R"(","presignedWssUrl":"wss://localhost:)" + port +
              R"(/mqtt?x-amz-customauthorizer-name=axonpush","expiresAt":")" + expiry() +
              R"(","topicPrefix":"axonpush/)" + world_.tenant_id + R"(","clientId":"storm-)" + channel_ + R"("})");
}

RealtimeOptions StormClient::realtime_options() {
  RealtimeOptions options;
  options.ordered_swap = terms_.ordered;
  options.swap_grace = random_.once_in(2) ? limits::kOverlapGrace : milliseconds(300);
  if (!terms_.calm) {
    options.keep_alive = seconds(6);
    options.handshake_timeout = options.upgrade_timeout = options.connack_timeout = options.suback_timeout = seconds(4);
    options.puback_timeout = seconds(8);
    options.dial_timeout = seconds(10);
  }
  options.on_error = [this](const ErrorReport& report) { told(report); };
  options.on_gap = [this](const PossibleGap& gap) { ledger_->gap(gap.from, gap.to); };
  options.on_state = [this](const StateChange& change) {
    const bool interrupted = change.to == ConnectionState::waiting || change.to == ConnectionState::reconnecting;
    if (terms_.calm && interrupted) ledger_->wrong("the connection was interrupted though nothing was cut");
  };
  return options;
}

void StormClient::begin(Instant now) {
  channel_ = "c" + std::to_string(number_) + "-" + std::to_string(++life_);
  ledger_ = std::make_unique<Ledger>(terms_);
  filters_ = granted_ = 0;
  refused_ = left_ = fetched_ = false;
  publish_at_ = feed_at_ = now;
  refresh_at_ = Instant::never();
  active_ = 0;
  if (!terms_.calm) world_.proxy.weather(number_, Weather::storm);
  client_ = std::make_unique<Client>(world_.reactor, world_.tls, client_options());
  enter(Stage::connecting, now + kSettleMax);
  const Status begun =
      client_->connect_realtime(realtime_options(), [this](const Result<Realtime>& result) { connected(result); });
  if (!begun.ok()) world_.findings.push_back(channel_ + ": connect_realtime: " + sentence(begun.error()));
}

void StormClient::connected(const Result<Realtime>& result) {
  if (result.ok()) {
    session_ = *result;
    return subscribe();
  }
  refused_ = true;
  if (terms_.calm || !explained_by_cuts(result.error())) {
    world_.findings.push_back(channel_ + ": the first connect failed: " + sentence(result.error()));
  }
}

// What it is fed, and others that nothing comes for: with ten of them a swap takes two SUBSCRIBE packets.
void StormClient::subscribe() {
  filters_ = number_ % 8 == 3 ? 10 : 2;
  for (std::size_t at = 0; at < filters_; ++at) {
    const std::string channel = at == 0 ? channel_ : channel_ + "-no-" + std::to_string(at);
    const auto done = [this](const Status& status) {
      ++granted_;
      if (!status.ok()) ledger_->wrong("a subscription failed: " + sentence(status.error()));
    };
    const auto event = [this, at](const Event& each) {
      at == 0 ? received(each) : ledger_->wrong("an event came to a filter that it does not match (I-08)");
    };
    const Result<Subscription> made = session_.subscribe({.channel_id = channel, .app_id = "down"}, event, done);
    if (!made.ok()) ledger_->wrong("subscribe: " + sentence(made.error()));
  }
}

// --- Traffic

Duration StormClient::pause(bool dense) {
  const std::int64_t mean = (dense ? 150 : 900) * 1'000 / world_.rate_per_mille;
  return milliseconds(1 + random_.between(0, 2 * mean));
}

void StormClient::traffic(Instant now) {
  const ConnectionState state = session_.state();
  const bool dense = state == ConnectionState::refreshing || now < dense_until_;
  // The pause that was drawn for quiet times does not outlast them.
  if (dense && publish_at_ > now + milliseconds(300)) publish_at_ = now;
  if (dense && feed_at_ > now + milliseconds(300)) feed_at_ = now;
  if (now >= publish_at_) {
    publish(now);
    publish_at_ = now + pause(dense);
  }
  if (now >= feed_at_) {
    feed(now);
    feed_at_ = now + pause(dense);
  }
  // Half of them ask for their swaps, the others wait for half of their credentials' life.
  if (number_ % 2 == 0 && state == ConnectionState::live && now >= refresh_at_) {
    const Status refreshed = session_.refresh_now();
    if (!refreshed.ok() && refreshed.error().code() != Errc::quota) {
      ledger_->wrong("refresh_now: " + sentence(refreshed.error()));
    }
    refresh_at_ = now + milliseconds(100);
  }
}

void StormClient::publish(Instant now) {
  const int qos = random_.once_in(8) ? 0 : 1;
  const std::size_t publish = ledger_->publishing(qos, now);
  const std::string pad(random_.once_in(16) ? static_cast<std::size_t>(random_.between(500, 6'000)) : 0, 'x');
  const auto delivery = qos == 0 ? PublishOptions::Delivery::at_most_once : PublishOptions::Delivery::at_least_once;
  const Status accepted =
      session_.publish({.channel_id = channel_,
                        .app_id = "up",
                        .identifier = "storm",
                        .payload = {{"n", publish}, {"pad", pad}},
                        .event_type = qos == 0 ? "q0" : "q1"},
                       [this, qos, publish](const Result<Published>& outcome) {
                         ledger_->completed(qos, publish, outcome.ok(), outcome.ok() ? "" : sentence(outcome.error()));
                       },
                       {.qos = delivery});
  if (accepted.ok()) return;
  ledger_->refused(qos, publish, sentence(accepted.error()));
  if (accepted.error().code() != Errc::queue_full) ledger_->wrong("publish: " + sentence(accepted.error()));
}

void StormClient::witnessed(std::string_view channel, int qos, std::size_t publish) {
  if (ledger_ == nullptr || channel != channel_) {
    ++world_.publishes_witnessed_late;
    return;
  }
  ledger_->witnessed(qos, publish);
}

// From elsewhere: the feeder publishes it at the broker, past the proxy.
void StormClient::feed(Instant now) {
  const bool with_id = random_.once_in(2);
  const int qos = terms_.calm && !terms_.takeover && random_.once_in(8) ? 0 : 1;
  // Two equal events that nothing tells apart are two events (CONTRACT 6.4).
  const int copies = !with_id && random_.once_in(8) ? 2 : 1;
  const std::size_t event = ledger_->feeding(with_id, qos, copies, now);
  const std::string number = std::to_string(event);
  std::string body = with_id ? R"({"eventId":"e-)" + channel_ + "-" + number + R"(",)" : std::string("{");
  body += R"("identifier":"storm","payload":{"n":)" + number + R"(,"pad":")";
  body.append(random_.once_in(16) ? static_cast<std::size_t>(random_.between(500, 6'000)) : 0, 'y');
  body += "\"}}";
  const std::string topic = "axonpush/" + world_.tenant_id + "/default/down/" + channel_ + "/_/_";
  for (int copy = 0; copy < copies; ++copy) {
    std::function<void()> taken;
    if (qos == 1) {
      taken = [this, event, channel = channel_] {
        if (channel == channel_) ledger_->accepted(event, world_.reactor.now());
      };
    }
    world_.feeder.publish(topic, body, std::move(taken));
  }
}

void StormClient::received(const Event& event) {
  std::uint64_t number = 0;
  json::Value found;
  if (json::find_member(event.payload(), "n", found) != 1 || !found.unsigned_integer(number)) {
    return ledger_->wrong("an event came without its number (I-05)");
  }
  ledger_->delivered(static_cast<std::size_t>(number), event);
}

void StormClient::told(const ErrorReport& report) {
  if (terms_.calm) {
    ledger_->wrong("on_error though nothing was cut: " + sentence(report.error));
  } else if (!explained_by_cuts(report.error)) {
    ledger_->wrong("on_error tells of what no cut explains: " + sentence(report.error));
  }
}

void StormClient::record(const TraceRecord& record) noexcept {
  if (record.kind != TraceKind::packet_in && record.kind != TraceKind::packet_out) recorder_.record(record);
  switch (record.kind) {
    case TraceKind::fetch_started:
      if (fetched_ && record.at - fetched_at_ < limits::kRefreshFloor) {
        ledger_->wrong("two fetches began less than 5 s apart (I-14)");
      }
      fetched_ = true;
      fetched_at_ = record.at;
      refresh_at_ = record.at + limits::kRefreshFloor;
      break;
    case TraceKind::active:
      dense_until_ = record.at + milliseconds(700);
      // Where the client id stays the broker has ended the old one, whether it was told or not.
      if (terms_.takeover && active_ != 0) ledger_->connection_ended(active_);
      active_ = record.connection;
      break;
    case TraceKind::retired:
    case TraceKind::closed:
      ledger_->connection_ended(record.connection);
      break;
    default:
      break;
  }
}

// --- A session ends

void StormClient::settle(Instant now) {
  if (leave_at_ != Instant::never()) {
    if (now >= leave_at_) leave(now);
    return;
  }
  if (ledger_->settled()) {
    leave_at_ = now + kLateCopies;  // those that nobody waits for
  } else if (now >= deadline_) {
    leave(now);
  }
}

void StormClient::leave(Instant now) {
  enter(Stage::leaving, now + seconds(20));
  last_stats_ = session_.stats();
  const Status begun = session_.disconnect([this](const Status&) { left_ = true; });
  if (!begun.ok()) {
    ledger_->wrong("disconnect: " + sentence(begun.error()));
    left_ = true;
  }
}

void StormClient::end(Instant now) {
  ledger_->judge();
  for (const std::string& finding : ledger_->findings()) {
    world_.findings.push_back(channel_ + (terms_.calm ? " (calm, " : " (storm, ") +
                              (terms_.takeover ? "same client id" : "new client ids") +
                              (terms_.ordered ? ", ordered): " : "): ") + finding);
  }
  if (world_.trace && !ledger_->findings().empty()) print_trace();
  world_.totals.add(ledger_->totals());
  add(world_.stats, last_stats_);
  swaps_before_ += last_stats_.swaps;
  if (terms_.calm) world_.calm_swaps += last_stats_.swaps;
  if (terms_.calm) world_.calm_gaps += last_stats_.gaps;
  if (terms_.takeover) world_.takeover_swaps += last_stats_.swaps;
  ++world_.sessions;
  session_ = {};
  // The last one stays: its disconnect() alone must have left nothing.
  if (!world_.stopping) client_.reset();
  enter(world_.stopping ? Stage::done : Stage::resting, Instant::never());
  if (stage_ == Stage::resting) world_.reactor.arm(*this, now + milliseconds(200));
}

std::uint64_t StormClient::swaps() const {
  const bool running = stage_ == Stage::running || stage_ == Stage::settling;
  return swaps_before_ + (running ? session_.stats().swaps : stage_ == Stage::leaving ? last_stats_.swaps : 0);
}

void StormClient::print_trace() const {
  char line[FlightRecorder::kJsonBytes];
  for (std::size_t at = 0; at < recorder_.size(); ++at) {
    const std::size_t size = FlightRecorder::format_json(recorder_[at], line);
    std::printf("%s %.*s\n", channel_.c_str(), static_cast<int>(size), line);
  }
}

std::string StormClient::describe() const {
  return channel_ + ": stage " + std::to_string(static_cast<int>(stage_)) + ", " +
         std::string(name_of(session_.state()));
}

}  // namespace interop
