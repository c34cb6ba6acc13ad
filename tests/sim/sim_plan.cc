#include "sim/sim_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "sim/world.h"

namespace axonpush::sim {

namespace {

constexpr std::string_view kVerbs[] = {"subscribe",
                                       "on_event",
                                       "unsubscribe",
                                       "unsubscribe_filter",
                                       "off_event",
                                       "publish",
                                       "refresh",
                                       "disconnect",
                                       "destroy",
                                       "stale",
                                       "connect",
                                       "publishes",
                                       "events",
                                       "api_status",
                                       "api_silent",
                                       "api_slow",
                                       "api_odd",
                                       "api_refused",
                                       "api_black_hole",
                                       "api_skew",
                                       "dial_refused",
                                       "dial_black_hole",
                                       "dial_slow",
                                       "upgrade_status",
                                       "upgrade_silent",
                                       "connack_reason",
                                       "connack_silent",
                                       "suback_reason",
                                       "suback_silent",
                                       "suback_late",
                                       "puback_reason",
                                       "puback_silent",
                                       "ping_silent",
                                       "tokens_revoked",
                                       "cut",
                                       "reset",
                                       "vanish",
                                       "stall",
                                       "stuck",
                                       "narrow",
                                       "lag",
                                       "server_disconnect",
                                       "server_close",
                                       "garble",
                                       "pings",
                                       "restart",
                                       "wall_step",
                                       "paused",
                                       "no_entropy",
                                       "no_memory",
                                       "no_fds",
                                       "forbidden",
                                       "drip"};
static_assert(sizeof kVerbs / sizeof kVerbs[0] == kVerbCount);
constexpr std::string_view kContexts[] = {"outside", "turn", "event", "error", "completion", "state"};
static_assert(sizeof kContexts / sizeof kContexts[0] == kContextCount);
constexpr std::string_view kKnobs[] = {
    "mode",         "life_s",          "lead_s",         "qos",          "receive_maximum",
    "keep_alive_s", "ordered",         "refresh_jitter", "retry_jitter", "grace_ms",
    "queue",        "throws_permille", "latency_us",     "anonymous",    "method"};
static_assert(sizeof kKnobs / sizeof kKnobs[0] == static_cast<std::size_t>(Knob::count));
constexpr std::string_view kWorldKnobs[] = {"receive_maximum",
                                            "maximum_packet_size",
                                            "keep_alive_s",
                                            "takeover_word",
                                            "suback_ms",
                                            "payload",
                                            "sparse",
                                            "manual",
                                            "tls",
                                            "whims",
                                            "replay_ms"};
static_assert(sizeof kWorldKnobs / sizeof kWorldKnobs[0] == static_cast<std::size_t>(WorldKnob::count));

// Draws a plan: one stream for each subject, so that a change to one leaves the others alone.
class Drawer {
 public:
  Drawer(Plan& plan, Kind kind) : plan_(plan), kind_(kind) {}

  void draw() {
    draw_world();
    for (std::size_t client = 0; client < plan_.clients.size(); ++client) draw_client(client);
    draw_traffic();
    draw_calls();
    draw_faults();
    std::stable_sort(plan_.decisions.begin(), plan_.decisions.end(),
                     [](const Decision& left, const Decision& right) { return left.at < right.at; });
  }

 private:
  [[nodiscard]] Random stream(std::string_view subject, std::uint64_t entity = 0) const {
    return Random(stream_seed(plan_.seed, subject, entity));
  }
  static std::int64_t between(Random& random, std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least + 1)));
  }
  static double unit(Random& random) { return static_cast<double>(random.next() >> 11) * 0x1.0p-53; }
  static double log_uniform(Random& random, double least, double most) {
    return least * std::exp(unit(random) * std::log(most / least));
  }
  template <std::size_t Count>
  static std::int64_t one_of(Random& random, const std::int64_t (&values)[Count]) {
    return values[random.below(Count)];
  }
  [[nodiscard]] Duration moment(Random& random) const { return random.duration(Duration::zero(), plan_.span); }
  void add(Duration at, Verb verb, std::size_t client, Context context, std::int64_t a, std::int64_t b,
           std::int64_t c) {
    plan_.decisions.push_back({at, verb, static_cast<std::uint8_t>(client), context, a, b, c});
  }

  void draw_world() {
    Random random = stream("world");
    const auto set = [this](WorldKnob which, std::int64_t value) {
      plan_.world[static_cast<std::size_t>(which)] = value;
    };
    set(WorldKnob::receive_maximum, random.chance(0.3) ? between(random, 1, 30) : 0);
    set(WorldKnob::maximum_packet_size, random.chance(0.2) ? between(random, 600, 4000) : 0);
    set(WorldKnob::keep_alive_s, random.chance(0.2) ? between(random, 10, 60) : 0);
    set(WorldKnob::takeover_word, random.chance(0.7) ? 1 : 0);
    set(WorldKnob::suback_ms, random.chance(0.3) ? between(random, 1, 3000) : 0);
    set(WorldKnob::payload, random.chance(0.1) ? between(random, 1, 2000) : 0);
    set(WorldKnob::sparse, kind_ == Kind::quick ? 0 : 1);
    Random whims = stream("whims");
    std::int64_t sum = 0;
    for (std::int64_t bit = 1; bit <= 8; bit *= 2) sum += whims.chance(0.25) ? bit : 0;
    if (stream("a memory of one event").chance(0.25)) sum += 16;
    set(WorldKnob::whims, sum);
    Random replay = stream("replay");
    set(WorldKnob::replay_ms, replay.chance(0.25) ? between(replay, 10, 100) : 0);
    set(WorldKnob::tls, plan_.seed % kTlsSeedEvery == 0 ? 1 : 0);
    // Mostly few: what happens between clients is little, and each costs time.
    std::size_t clients = 1;
    if (kind_ == Kind::quick) {
      while (clients < 8 && random.chance(0.45)) ++clients;
    }
    plan_.clients.resize(clients);
  }

  void draw_client(std::size_t client) {
    Random random = stream("client", client);
    const auto set = [this, client](Knob which, std::int64_t value) {
      plan_.clients[client][static_cast<std::size_t>(which)] = value;
    };
    const bool quick = kind_ == Kind::quick;
    set(Knob::mode, one_of(random, {0, 0, 0, 1, 1, 2}));
    set(Knob::life_s, quick                ? between(random, 61, 180)
                      : kind_ == Kind::day ? between(random, 900, 7200)
                                           : between(random, 3600, 90'000));
    set(Knob::lead_s, random.chance(0.8) ? 60 : between(random, 5, 90));
    set(Knob::qos, random.chance(0.75) ? 1 : 0);
    set(Knob::receive_maximum, random.chance(0.7) ? 64 : between(random, 1, 20));
    set(Knob::keep_alive_s, quick || random.chance(0.5) ? 30 : 1200);
    set(Knob::ordered, random.chance(0.25) ? 1 : 0);
    set(Knob::refresh_jitter, random.chance(0.8) ? 1 : 0);
    set(Knob::retry_jitter, random.chance(0.8) ? 1 : 0);
    set(Knob::grace_ms, random.chance(0.7) ? 2000 : between(random, 0, 6000));
    set(Knob::queue, random.chance(0.8) ? 1024 : random.chance(0.2) ? 1 : between(random, 1, 40));
    set(Knob::throws_permille, random.chance(0.2) ? between(random, 1, 200) : 0);
    set(Knob::latency_us, static_cast<std::int64_t>(log_uniform(random, 50, 400'000)));
    set(Knob::anonymous, random.chance(0.15) ? 1 : 0);
    set(Knob::method, one_of(random, {0, 0, 0, 1, 2}));
  }

  // Ten messages a second each way over all clients, in stretches; long runs carry one event a minute.
  void draw_traffic() {
    for (const Verb verb : {Verb::publishes, Verb::events}) {
      Random random = stream("traffic", static_cast<std::uint64_t>(verb));
      const bool quick = kind_ == Kind::quick;
      const std::int64_t per_1000s = quick ? 10'000 : verb == Verb::events ? 17 : kind_ == Kind::year ? 8 : 3;
      for (Duration at = Duration::zero(); at < plan_.span;) {
        const Duration length = quick ? random.duration(seconds(10), seconds(60)) : plan_.span / 40 + seconds(1);
        // Two stretches share the rate, so that clients and channels mix.
        for (int half = 0; half < 2; ++half) {
          // Draws stand in statements of their own: the order in which arguments are evaluated is the compiler's.
          const std::size_t client = random.below(plan_.clients.size());
          const std::int64_t channel = between(random, 0, kChannels);
          add(at, verb, client, Context::outside, per_1000s / 2 + 1, length.milliseconds(), channel);
        }
        at = at + length;
      }
    }
  }

  [[nodiscard]] Context any_context(Random& random) const {
    return random.chance(0.4) ? Context::outside : static_cast<Context>(random.below(kContextCount));
  }

  void draw_calls() {
    for (std::size_t client = 0; client < plan_.clients.size(); ++client) {
      Random random = stream("calls", client);
      // What a program does when it starts.
      const std::int64_t first = between(random, 1, 6);
      for (std::int64_t count = 0; count < first; ++count) {
        draw_subscribe(random, client, random.duration(Duration::zero(), seconds(3)), Context::outside);
      }
      const double rate = log_uniform(random, 0.2, 8);  // calls a minute, of a short run
      const double calls = kind_ == Kind::quick ? rate * static_cast<double>(plan_.span.seconds()) / 60 : rate * 10;
      for (double count = 0; count < calls; count += 1) draw_call(random, client);
    }
  }

  void draw_subscribe(Random& random, std::size_t client, Duration at, Context context) {
    const std::int64_t filter = between(random, 0, kFilters - 1);
    const std::int64_t trace = random.chance(0.25) ? between(random, 1, kTraces - 1) : 0;
    add(at, Verb::subscribe, client, context, filter, trace, random.chance(0.25) ? 1 : 0);
  }

  void draw_call(Random& random, std::size_t client) {
    static constexpr Verb kUsual[] = {Verb::subscribe, Verb::subscribe, Verb::unsubscribe, Verb::unsubscribe_filter,
                                      Verb::on_event,  Verb::off_event, Verb::publish,     Verb::publish,
                                      Verb::refresh,   Verb::stale};
    Verb verb = kUsual[random.below(sizeof kUsual / sizeof kUsual[0])];
    if (random.chance(0.03)) verb = Verb::disconnect;
    if (random.chance(0.02)) verb = Verb::destroy;
    const Duration at = moment(random);
    const Context context = any_context(random);
    switch (verb) {
      case Verb::subscribe:
        draw_subscribe(random, client, at, context);
        break;
      case Verb::publish: {
        const std::int64_t channel = between(random, 0, kChannels - 1);
        const std::int64_t most = random.chance(0.1) ? 5000 : 200;
        const std::int64_t size = between(random, 1, most);
        add(at, verb, client, context, channel, size, between(random, 0, 7));
        break;
      }
      case Verb::disconnect:
      case Verb::destroy:
        add(at, verb, client, context, between(random, 0, 20), 0, 0);
        break;
      default:
        add(at, verb, client, context, between(random, 0, kFilters - 1), 0, 0);
    }
  }

  void draw_faults() {
    Random swarm = stream("swarm");
    if (swarm.chance(0.1)) {  // nothing goes wrong at all: what is lost then is lost by us
      // Or nobody hands out credentials for a day: the connection lives until AWS cuts it after 24 hours.
      if (kind_ != Kind::day || !swarm.chance(0.3) || plan_.span < hours(25)) return;
      add(minutes(1), Verb::api_refused, 0, Context::outside, 0, (plan_.span - minutes(30)).milliseconds(), 0);
      return;
    }
    const double tens = static_cast<double>(plan_.span.seconds()) / 600;
    const double thinned = kind_ == Kind::quick ? 1 : kind_ == Kind::day ? 12 : 2'000;
    for (std::size_t index = static_cast<std::size_t>(kFirstFault); index < kVerbCount; ++index) {
      Random random = stream("fault", index);
      // FAULTS 2.1: each kind is off with probability one half, its rate drawn log-uniformly.
      const bool off = swarm.chance(0.5);
      const double rate = log_uniform(random, 0.1, 10);
      if (off) continue;
      const double expected = rate * tens / thinned;
      auto times = static_cast<std::int64_t>(expected);
      if (random.chance(expected - std::floor(expected))) ++times;
      Random kinds = stream("kind of fault", index);
      for (std::int64_t count = 0; count < times; ++count) draw_fault(random, kinds, static_cast<Verb>(index));
    }
    draw_long_faults();
    draw_expiry_in_dial();
  }

  // FAULTS: what lasts for longer than the usual fault.
  void draw_long_faults() {
    Random random = stream("long faults");
    const std::size_t client = random.below(plan_.clients.size());
    const Duration at = moment(random);
    const bool day = kind_ == Kind::day;
    if (random.chance(0.02)) {
      add(at, Verb::paused, client, Context::outside, 0, between(random, 600'000, 700'000), 0);
    } else if (day && random.chance(0.05)) {
      add(at, Verb::paused, client, Context::outside, 0, 93'600'000, 0);
    } else if (day && random.chance(0.1)) {
      constexpr Verb kOutages[] = {Verb::api_refused, Verb::api_silent, Verb::api_black_hole};
      const Verb verb = kOutages[random.below(3)];
      add(at, verb, client, Context::outside, 0, between(random, 3'600'000, 10'800'000), 0);
    }
  }

  // FAULTS R-45: credentials that live for a moment, and a dial that takes longer.
  void draw_expiry_in_dial() {
    Random random = stream("expiry in a dial");
    if (kind_ != Kind::quick || !random.chance(0.02)) return;
    const std::size_t client = random.below(plan_.clients.size());
    const Duration at = moment(random);
    const std::int64_t until_tls = between(random, 2'000, 10'000);
    const std::int64_t until_answer = between(random, 3'000, 9'400);
    add(at, Verb::api_odd, client, Context::outside, 5, 3, 0);
    add(at, Verb::dial_slow, client, Context::outside, until_tls, 60'000, until_answer);
    add(at, Verb::refresh, client, Context::outside, 0, 0, 0);
  }

  // A stream of its own: what these draw shifts nothing else.
  std::int64_t draw_kind(Random& kinds, Verb verb) {
    switch (verb) {
      case Verb::dial_refused:
      case Verb::dial_black_hole:
        return one_of(kinds, {0, 0, 1, 2});
      case Verb::cut:
      case Verb::reset:
        return one_of(kinds, {0, 0, 1});
      case Verb::restart:
        return one_of(kinds, {0, 1});
      case Verb::dial_slow:
        return kinds.chance(0.5) ? static_cast<std::int64_t>(log_uniform(kinds, 100, 9'500)) : 0;
      case Verb::drip:
        return static_cast<std::int64_t>(log_uniform(kinds, 10, 9'000));
      default:
        return 0;
    }
  }

  void draw_fault(Random& random, Random& kinds, Verb verb) {
    const Duration at = moment(random);
    const std::size_t client = random.below(plan_.clients.size());
    const auto some_ms = [&random] { return static_cast<std::int64_t>(log_uniform(random, 50, 90'000)); };
    const std::int64_t which = one_of(random, {0, 0, 1, 2});
    std::int64_t a = which;
    std::int64_t b = some_ms();
    std::int64_t c = draw_kind(kinds, verb);
    switch (verb) {
      case Verb::api_status:
        a = one_of(random, {400, 401, 403, 404, 405, 408, 422, 429, 429, 500, 502, 503, 504, 302, 204, 418});
        b = between(random, 1, 12);
        c = random.chance(0.3) ? between(random, 1, 400) : 0;
        break;
      case Verb::api_slow:
        a = static_cast<std::int64_t>(log_uniform(random, 100, 40'000));
        break;
      case Verb::api_odd:
        a = between(random, 0, 9);
        b = between(random, 1, 6);
        break;
      case Verb::api_skew:
        a = one_of(random, {10'800, -10'800, 315'360'000, 1, -1, 86'400});
        break;
      case Verb::dial_slow:
        a = static_cast<std::int64_t>(log_uniform(random, 100, 15'000));
        break;
      case Verb::upgrade_status:
        a = one_of(random, {401, 403, 301, 404, 426, 500, 503, 200});
        b = between(random, 1, 5);
        break;
      case Verb::connack_reason:
        a = one_of(random, {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A,
                            0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F});
        b = between(random, 1, 5);
        break;
      case Verb::suback_reason:
        a = one_of(random, {0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E});
        b = between(random, 1, 12);
        break;
      case Verb::suback_late:
        a = static_cast<std::int64_t>(log_uniform(random, 10, 9'000));
        break;
      case Verb::puback_reason:
        a = one_of(random, {0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99});
        b = between(random, 1, 20);
        break;
      case Verb::narrow:
        c = between(random, 1, 60);
        break;
      case Verb::lag:
        c = static_cast<std::int64_t>(log_uniform(random, 1, 5'000));
        break;
      case Verb::server_disconnect:
        c = one_of(random, {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
                            0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2});
        break;
      case Verb::server_close:
        c = one_of(random, {1000, 1001, 1002, 1006, 1008, 1011, 1012, 3000});
        break;
      case Verb::garble:
        c = between(random, 0, 1'000'000);
        break;
      case Verb::pings:
        c = between(random, 1, 500);
        break;
      case Verb::forbidden:
        c = between(random, 0, 5);
        break;
      case Verb::wall_step:
        a = one_of(random, {3'600, -3'600, 31'536'000, -31'536'000, -1'790'000'000});
        break;
      case Verb::no_memory:
        a = between(random, 1, 60);
        b = one_of(random, {1, 1, 1, 3, 20});
        break;
      default:
        break;
    }
    add(at, verb, client, Context::outside, a, b, c);
    // Whoever uses the same client id does it again: the third time within five minutes is a conflict.
    if (verb != Verb::server_disconnect || c != 0x8E || !random.chance(0.5)) return;
    for (const std::int64_t later : {90, 180}) add(at + seconds(later), verb, client, Context::outside, a, b, c);
  }

  Plan& plan_;
  Kind kind_;
};

template <std::size_t Count>
std::size_t index_of(const std::string_view (&names)[Count], std::string_view name) {
  for (std::size_t at = 0; at < Count; ++at) {
    if (names[at] == name) return at;
  }
  return Count;
}

// Takes the next word, up to a space or an equals sign.
std::string_view take_word(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '=')) text.remove_prefix(1);
  const std::size_t end = std::min(text.find_first_of(" ="), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}
std::int64_t take_number(std::string_view& text) {
  return std::strtoll(std::string(take_word(text)).c_str(), nullptr, 10);
}

template <std::size_t Count, class Values>
bool read_settings(std::string_view line, const std::string_view (&names)[Count], Values& values) {
  for (std::string_view name = take_word(line); !name.empty(); name = take_word(line)) {
    const std::size_t at = index_of(names, name);
    if (at == Count) return false;
    values[at] = take_number(line);
  }
  return true;
}

}  // namespace

std::string_view name_of(Context context) { return kContexts[static_cast<std::size_t>(context)]; }
std::string_view name_of(Verb verb) { return kVerbs[static_cast<std::size_t>(verb)]; }

Plan draw_plan(std::uint64_t seed, Kind kind, Duration day_span) {
  Plan plan;
  plan.seed = seed;
  plan.span = kind == Kind::quick ? minutes(10) : kind == Kind::day ? day_span : hours(24 * 365);
  Drawer(plan, kind).draw();
  return plan;
}

std::string to_text(const Plan& plan) {
  std::string text = "axonpush-sim 1\nseed " + std::to_string(plan.seed) + "\nspan_ms " +
                     std::to_string(plan.span.milliseconds()) + "\nworld";
  const auto settings = [&text](const auto& names, const auto& values) {
    for (std::size_t at = 0; at < values.size(); ++at) {
      text += ' ';
      text += names[at];
      text += '=' + std::to_string(values[at]);
    }
    text += '\n';
  };
  settings(kWorldKnobs, plan.world);
  for (const Knobs& knobs : plan.clients) {
    text += "client";
    settings(kKnobs, knobs);
  }
  for (const Decision& decision : plan.decisions) {
    text += "at " + std::to_string(decision.at.nanoseconds()) + ' ';
    text += name_of(decision.verb);
    text += " client=" + std::to_string(decision.client) + " from=";
    text += kContexts[static_cast<std::size_t>(decision.context)];
    text += " a=" + std::to_string(decision.a) + " b=" + std::to_string(decision.b) +
            " c=" + std::to_string(decision.c) + '\n';
  }
  return text;
}

std::string from_text(std::string_view text, Plan& plan) {
  plan = Plan{};
  std::size_t number = 0;
  const auto wrong = [&number](const char* what) { return "line " + std::to_string(number) + ": " + what; };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::string_view what = take_word(line);
    if (number == 1 && (what != "axonpush-sim" || take_number(line) != 1))
      return wrong("not a trace of this simulator");
    if (what == "seed") {
      plan.seed = std::strtoull(std::string(take_word(line)).c_str(), nullptr, 10);
    } else if (what == "span_ms") {
      plan.span = milliseconds(take_number(line));
    } else if (what == "world") {
      if (!read_settings(line, kWorldKnobs, plan.world)) return wrong("an unknown setting of the world");
    } else if (what == "client") {
      if (!read_settings(line, kKnobs, plan.clients.emplace_back())) return wrong("an unknown setting of a client");
    } else if (what == "at") {
      Decision decision;
      decision.at = nanoseconds(take_number(line));
      const std::size_t verb = index_of(kVerbs, take_word(line));
      if (verb == kVerbCount) return wrong("an unknown decision");
      decision.verb = static_cast<Verb>(verb);
      for (std::string_view name = take_word(line); !name.empty(); name = take_word(line)) {
        if (name == "from") {
          const std::size_t context = index_of(kContexts, take_word(line));
          if (context == kContextCount) return wrong("an unknown context");
          decision.context = static_cast<Context>(context);
          continue;
        }
        const std::int64_t value = take_number(line);
        if (name == "client") decision.client = static_cast<std::uint8_t>(value);
        if (name == "a") decision.a = value;
        if (name == "b") decision.b = value;
        if (name == "c") decision.c = value;
      }
      if (decision.client >= plan.clients.size()) return wrong("a client that there is not");
      plan.decisions.push_back(decision);
    } else if (what != "axonpush-sim") {
      return wrong("an unknown word");
    }
  }
  return plan.clients.empty() ? "no client" : "";
}

}  // namespace axonpush::sim
