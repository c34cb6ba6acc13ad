#include "sim/sim_run.h"

#include <algorithm>
#include <cstdio>

namespace axonpush::sim {

namespace {

constexpr Duration kHealed = seconds(120);  // FAULTS 2.1, and the longest Retry-After on top
constexpr Duration kWatched = seconds(5);   // what lasts too long is looked for this often
constexpr Duration kQuiet = seconds(60);
constexpr double kImpostors = 0.02;  // of the servers of a world with TLS, before it is healed

}  // namespace

Run::Run(const Plan& plan)
    : plan_(plan), world_(plan.seed), nobody_(world_), broker_(world_, nobody_), judge_(world_, broker_, plan) {
  world_.observer = &judge_;
  if (plan.knob(WorldKnob::tls) != 0) {
    tls_ = std::make_unique<TlsWorld>(world_);
    tls_->impostors = kImpostors;
  }
  world_.plan_for = [this](VirtualHost& host, const Endpoint& endpoint) { return plan_dial(host, endpoint); };
  broker_.director = this;
  broker_.keeps_history = false;
  broker_.receive_maximum = static_cast<std::uint16_t>(plan.knob(WorldKnob::receive_maximum));
  broker_.maximum_packet_size = static_cast<std::uint32_t>(plan.knob(WorldKnob::maximum_packet_size));
  broker_.server_keep_alive = static_cast<std::uint16_t>(plan.knob(WorldKnob::keep_alive_s));
  broker_.takeover_disconnect = plan.knob(WorldKnob::takeover_word) != 0;
  broker_.suback_delay = milliseconds(plan.knob(WorldKnob::suback_ms));
  broker_.replay_interval = milliseconds(plan.knob(WorldKnob::replay_ms));
  const std::int64_t whims = plan.knob(WorldKnob::whims);
  if ((whims & 8) != 0) broker_.frame_bytes_max = 125;
  constexpr Mark kWhims[] = {Mark::short_reads, Mark::early_timers, Mark::idle_wakes, Mark::fragments};
  for (std::size_t bit = 0; bit < 4; ++bit) {
    if ((whims >> bit & 1) != 0) judge_.mark(kWhims[bit]);
  }
  world_.listen(8443, broker_.maker());
  for (std::size_t index = 0; index < plan.clients.size(); ++index) {
    users_.push_back(std::make_unique<User>(world_, judge_, index));
    User& user = *users_.back();
    user.random = Random(stream_seed(plan.seed, "user", index));
    user.throws = Random(stream_seed(plan.seed, "throws", index));
    user.api.lifetime = seconds(plan.knob(index, Knob::life_s));
    user.api.same_client_id = plan.knob(index, Knob::mode) != 0;
    user.api.client_id = plan.knob(index, Knob::anonymous) != 0 ? "" : "client-" + std::to_string(index);
    user.api.token_tag = std::to_string(index) + "x";
    user.api.broker_url = "wss://broker.example.com:8443/mqtt?x-amz-customauthorizer-name=" + std::string(kQueryMarker);
    user.api.keeps_history = false;
    user.api.on_issued = [this, index, &user](const std::string&, Instant expires) {
      judge_.on_issued(index, expires,
                       user.api.clock_skew != Duration::zero() || user.host().wall_offset != Duration::zero());
    };
    user.api.respond = [this, &user](const ApiRequest& request) { return answer_api(user, request); };
    world_.listen(static_cast<std::uint16_t>(2000 + index), user.api.maker());
  }
}

Run::~Run() {
  ending_ = true;
  for (const std::unique_ptr<User>& user : users_) {
    user->rt = user->spent = Realtime();
    user->client.reset();
  }
  world_.clear();
}

void Run::make_client(std::size_t index) {
  User& user = *users_[index];
  user.hosts.push_back(std::make_unique<VirtualHost>(world_, index + 16 * user.hosts.size()));
  const std::int64_t whims = healed_ ? 0 : plan_.knob(WorldKnob::whims);
  user.host().whims = {
      .short_reads = (whims & 1) != 0, .early_timers = (whims & 2) != 0, .idle_wakes = (whims & 4) != 0};
  if ((whims & 16) != 0) user.host().swap_events = 1;
  judge_.begin_life(index, user.host());
  user.host().random().injection = world_.injection;
  if (world_.injection != nullptr) {
    heap::Account& account = judge_.watched(index).account;
    account.asked = [](void* injection) { return static_cast<Injection*>(injection)->hit(); };
    account.asked_with = world_.injection;
    judge_.watched(index).harmed_until = world_.start() + plan_.span + seconds(90);
  }
  ClientOptions options;
  options.api_key = std::string(kApiKey);
  options.tenant_id = "org_1";
  options.base_url = "https://api.example.com:" + std::to_string(2000 + index);
  options.read_environment = false;
  options.credentials_method =
      static_cast<CredentialsMethod>(plan_.knob(index, Knob::method) % 2 == 0 ? plan_.knob(index, Knob::method) : 0);
  options.trace = &user;
  if (plan_.knob(index, Knob::throws_permille) != 0) {
    options.on_trace = [this, &user](const TraceRecord&) {
      judge_.enter_hook(user.index);
      judge_.leave_callback(user.index);
      throw_perhaps(user, Mark::hook_threw);
    };
  }
  const heap::Scope scope(judge_.watched(index).account);
  user.client = std::make_unique<Client>(user.host(), std::move(options));
}

void Run::start() {
  for (std::size_t index = 0; index < users_.size(); ++index) {
    make_client(index);
    User& user = *users_[index];
    const Duration wait = user.random.duration(Duration::zero(), milliseconds(500));
    if (plan_.knob(WorldKnob::manual) == 0) connect_later(user, wait);
  }
  for (std::size_t number = 0; number < plan_.decisions.size(); ++number) {
    world_.at(world_.start() + plan_.decisions[number].at,
              [this, number] { perform(plan_.decisions[number], number); });
  }
  world_.after(kWatched, [this] { watch(); });
}

void Run::watch() {
  judge_.watch();
  const Duration often = plan_.span > hours(24 * 30) ? seconds(60) : kWatched;
  if (!ending_) world_.after(often, [this] { watch(); });
}

void Run::perform(const Decision& decision, std::size_t number) {
  if (judge_.talks) {
    std::printf("%.6f client %d: %.*s %lld %lld %lld\n", static_cast<double>(decision.at.nanoseconds()) * 1e-9,
                decision.client, static_cast<int>(name_of(decision.verb).size()), name_of(decision.verb).data(),
                static_cast<long long>(decision.a), static_cast<long long>(decision.b),
                static_cast<long long>(decision.c));
  }
  judge_.hash(static_cast<std::uint64_t>(decision.verb) | static_cast<std::uint64_t>(number) << 8);
  if (healed_) return;
  if (decision.verb >= kFirstFault) {
    trouble(decision, number);
  } else if (decision.verb == Verb::publishes) {
    stream_publishes(decision, number);
  } else if (decision.verb == Verb::events) {
    stream_events(decision, number);
  } else {
    call(*users_[decision.client], decision);
  }
}

// All faults end. What was frozen for good or garbled is cut: a peer that vanished is not coming back.
void Run::heal() {
  healed_ = true;
  if (tls_ != nullptr) tls_->impostors = 0;
  if (sweep_ != nullptr) {
    if (sweep_->injection != nullptr) sweep_->injection->lifted = true;
    sweep_->bytes = world_.byte_fault;
    world_.byte_fault.kind = ByteFault::Kind::none;
  }
  broker_.suback_delay = milliseconds(plan_.knob(WorldKnob::suback_ms));
  broker_.replay_interval = std::min(broker_.replay_interval, milliseconds(1));
  for (const std::unique_ptr<User>& each : users_) {
    User& user = *each;
    user.troubles = Troubles{};
    for (std::deque<Decision>& queue : user.waiting) queue.clear();
    VirtualHost& host = user.host();
    host.open_error = Error();
    host.random().failing = false;
    host.whims = {};
    judge_.watched(user.index).account.fail_in = 0;
    for (Connection* link : links_of(user, 2)) {
      const bool spoilt = link->frozen || static_cast<bool>(link->garble) || judge_.note_of(*link).garbled;
      link->frozen = link->stuck = link->vanished = false;
      link->chunk = SIZE_MAX;
      link->drip = Duration::zero();
      link->garble = nullptr;
      if (spoilt) link->end(Connection::Cut::reset);
      link->thaw();
    }
    if (user.client == nullptr) make_client(user.index);
    connect_later(user, seconds(1));
  }
}

bool Run::step_until(Instant end) {
  while (!judge_.broken()) {
    if (world_.step(end)) continue;
    world_.run_for(end - world_.now());
    return true;
  }
  return false;
}

std::string Run::unsettled(User& user) {
  if (user.client == nullptr) return "there is no client";
  if (user.connecting) return "connect is not done";
  const ConnectionState state = user.rt.state();
  if (state != ConnectionState::live && state != ConnectionState::refreshing) {
    return "its state is " + std::string(axonpush::name_of(state));
  }
  return judge_.unsettled(user.index);
}

bool Run::settle() {
  Duration limit = kHealed;
  for (const Decision& decision : plan_.decisions) {
    if (decision.verb == Verb::api_status && decision.c > 0) limit = kHealed + limits::kRetryAfterMax;
  }
  // What waits to be published goes out as fast as the broker's Receive Maximum and the distance allow.
  for (const std::unique_ptr<User>& user : users_) {
    const std::int64_t broker = plan_.knob(WorldKnob::receive_maximum);
    const std::int64_t window = broker == 0 ? 100 : broker;
    const auto waiting = static_cast<std::int64_t>(judge_.outstanding(user->index));
    limit = limit + microseconds(plan_.knob(user->index, Knob::latency_us)) * 4 * (waiting / window + 1);
  }
  const Instant end = world_.now() + limit;
  for (;;) {
    std::string what;
    for (const std::unique_ptr<User>& user : users_) {
      const std::string here = unsettled(*user);
      if (!here.empty()) what = "client " + std::to_string(user->index) + ": " + here;
    }
    if (what.empty()) return true;
    if (world_.now() >= end) {
      judge_.fail(30, "not at rest " + std::to_string(limit.seconds()) + " s after everything was healed: " + what);
      return false;
    }
    if (!step_until(world_.now() + seconds(1))) return false;
  }
}

// Nothing happens any more: what was promised is there, and a client at rest costs nothing.
void Run::rest() {
  if (!step_until(world_.now() + seconds(50))) return;
  for (const std::unique_ptr<User>& user : users_) {
    judge_.settle_events(user->index, true);
    judge_.check_quiet(user->index);
  }
  // Earlier lives of the clients leave nothing but what their handles keep.
  for (const std::unique_ptr<User>& user : users_) {
    user->spent = Realtime();
    for (const std::unique_ptr<VirtualHost>& host : user->hosts) host->buffers().trim();
  }
  // Two swaps on top: the second must not take what the first did not.
  for (int swap = 0; swap < 2; ++swap) {
    for (const std::unique_ptr<User>& user : users_) {
      if (swap == 1) judge_.check_baseline(user->index);
      const heap::Scope scope(judge_.watched(user->index).account);
      if (user->rt.refresh_now().ok()) judge_.refresh_asked(user->index);
    }
    if (!step_until(world_.now() + seconds(25))) return;
  }
  for (const std::unique_ptr<User>& user : users_) judge_.check_baseline(user->index);
  if (judge_.broken()) return;
  std::vector<std::uint64_t> before;
  for (const std::unique_ptr<User>& user : users_) before.push_back(user->host().timer_turns);
  const Instant since = world_.now();
  if (!step_until(world_.now() + kQuiet)) return;
  for (const std::unique_ptr<User>& user : users_) {
    const Watched& it = judge_.watched(user->index);
    if (it.phase != refresh::Phase::live || it.phase_since > since) continue;
    // I-31: twice in a keep alive.
    const std::int64_t keep_alive = plan_.knob(WorldKnob::keep_alive_s) != 0
                                        ? plan_.knob(WorldKnob::keep_alive_s)
                                        : plan_.knob(user->index, Knob::keep_alive_s);
    const std::int64_t allowed = 2 * (kQuiet.seconds() / keep_alive + 1);
    judge_.check(31, static_cast<std::int64_t>(user->host().timer_turns - before[user->index]) <= allowed, [&] {
      return "a client at rest woke " + std::to_string(user->host().timer_turns - before[user->index]) + " times in " +
             std::to_string(kQuiet.seconds()) + " s";
    });
  }
}

void Run::finish() {
  ending_ = true;
  for (const std::unique_ptr<User>& user : users_) {
    if (user->client != nullptr && judge_.watched(user->index).in_session && !user->connecting) disconnect(*user, 0);
  }
  const Instant end = world_.now() + seconds(15);
  const auto over = [this] {
    return std::all_of(users_.begin(), users_.end(),
                       [this](const auto& user) { return !judge_.watched(user->index).in_session; });
  };
  while (!judge_.broken() && !over() && world_.step(end)) {
  }
  judge_.check(24, over(), [] { return std::string("disconnect was not over after 15 s"); });
  if (!step_until(world_.now() + seconds(5))) return;
  for (const std::unique_ptr<User>& user : users_) {
    if (user->client != nullptr) destroy(*user, 0);
    user->rt = user->spent = Realtime();
  }
  judge_.check_end();
  for (const std::unique_ptr<User>& user : users_) {
    const heap::Account& account = judge_.watched(user->index).account;
    for (const std::unique_ptr<VirtualHost>& host : user->hosts) host->buffers().trim();
    judge_.check(32, account.live == 0, [&] { return std::to_string(account.live) + " bytes were never given back"; });
    judge_.check(36, account.dirty == 0, [] { return std::string("memory was given back with a secret in it"); });
  }
}

Outcome Run::run() {
  start();
  bool whole = step_until(world_.start() + plan_.span);
  // Whoever is suspended wakes before everything is healed.
  for (const std::unique_ptr<User>& user : users_)
    whole = whole && step_until(std::max(world_.now(), user->host().paused_until));
  if (whole) {
    heal();
    if (settle()) {
      rest();
      if (!judge_.broken()) finish();
    }
  }
  if (tls_ != nullptr) {
    judge_.check(40, !tls_->impostor_trusted, [] { return std::string("a server that is not the one was trusted"); });
    judge_.totals.tls_handshakes = tls_->handshakes;
    judge_.totals.tls_resumed = tls_->resumed;
    judge_.totals.impostors = tls_->refused;
  }
  const std::int64_t lasted = (world_.now() - world_.start()).milliseconds();
  if (lasted >> 31 != 0) judge_.mark(Mark::past_2_31_ms);
  if (lasted >> 32 != 0) judge_.mark(Mark::past_2_32_ms);
  Outcome outcome;
  outcome.breach = judge_.breach();
  outcome.hash = judge_.hashed();
  outcome.totals = judge_.totals;
  outcome.totals.seeds = 1;
  outcome.totals.failures = judge_.broken() ? 1 : 0;
  outcome.totals.events = world_.events;
  outcome.totals.simulated_ns = (world_.now() - world_.start()).nanoseconds();
  return outcome;
}

void Run::sweep(Sweep& with) {
  sweep_ = &with;
  judge_.lenient = true;
  world_.injection = with.injection;
  world_.byte_fault = with.bytes;
}

Outcome run_plan(const Plan& plan, bool talks, Sweep* sweep) {
  Run run(plan);
  run.judge().talks = talks;
  if (sweep != nullptr) run.sweep(*sweep);
  return run.run();
}

}  // namespace axonpush::sim
