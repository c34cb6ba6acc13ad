#include "interop/storm_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <set>
#include <utility>

namespace interop {

namespace {

using Nanoseconds = std::int64_t;
constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kNever = INT64_MAX;
constexpr std::size_t kQueuedMax = 128 * 1024;  // of one direction; more is left in the kernel
constexpr std::uint64_t kTinyUpTo = 8 * 1024;   // single bytes and the like are for a stream's beginning
constexpr Nanoseconds kDeadEnd = 12'000 * kMillisecond;

Nanoseconds clock_now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000 * kMillisecond + time.tv_nsec;
}

sockaddr_in loopback(std::uint32_t address, std::uint16_t port) {
  sockaddr_in into = {};
  into.sin_family = AF_INET;
  into.sin_addr.s_addr = htonl(address);
  into.sin_port = htons(port);
  return into;
}

enum class Cut : std::uint8_t {
  none,
  reset_both,
  reset_client,  // the server sees FIN
  reset_server,  // the client sees FIN
  fin_to_client,
  fin_to_server,
  silence_to_client,
  silence_to_server,
  silence,
  pause,  // nothing moves for a while, then everything goes on
};

constexpr int kClient = 0;
constexpr int kServer = 1;

struct Segment {
  Nanoseconds due = 0;
  std::string bytes;  // none: FIN
};

// One direction: what was read from one end and waits to be written to the other.
struct Flow {
  std::deque<Segment> queue;
  std::size_t queued = 0;
  std::uint64_t read = 0;
  Nanoseconds last_due = 0;
  bool ended = false;    // FIN read
  bool closed = false;   // FIN written
  bool blocked = false;  // the other end takes nothing at the moment
  bool silent = false;
  bool reset = false;  // what ends it is RST
};

struct Pair;
struct End {
  Pair* pair = nullptr;
  int side = kClient;
  int descriptor = -1;
  std::uint32_t interest = 0;
};

struct Pair {
  End ends[2];
  Flow flows[2];  // [side]: what comes from that side
  Random random{0};
  std::size_t client = 0;
  Nanoseconds delay = 0;
  std::size_t segment_max = 0;
  std::size_t tiny_max = 0;
  Cut cut = Cut::none;
  Nanoseconds cut_at = kNever;
  std::uint64_t cut_after[2] = {UINT64_MAX, UINT64_MAX};  // bytes of a direction
  Nanoseconds paused_until = 0;
  Nanoseconds dead_end_at = kNever;
  Nanoseconds wake_at = kNever;
  bool connecting = true;
  bool dead = false;
};

struct Route {
  StormProxy::Kind kind = StormProxy::Kind::broker;
  std::uint16_t target = 0;
  int listener = -1;
};

}  // namespace

struct StormProxy::Loop {
  Loop(StormProxy& proxy) : owner(proxy), random(proxy.seed_) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event);
  }
  ~Loop() {
    for (Pair* pair : std::set<Pair*>(pairs)) destroy(*pair);
    for (Pair* pair : graves) delete pair;
    for (const auto& route : routes) ::close(route->listener);
    ::close(wake);
    ::close(epoll);
  }

  void run();
  void accept_all(const Route& route);
  void plan(Pair& pair, Kind kind, Nanoseconds now);
  void on_event(End& end, std::uint32_t events, Nanoseconds now);
  void read_from(Pair& pair, int side, Nanoseconds now);
  void chop(Pair& pair, int side, const char* bytes, std::size_t size, Nanoseconds now);
  void run_due(Pair& pair, Nanoseconds now);
  void forward(Pair& pair, int side, Nanoseconds now);
  void cut(Pair& pair, Nanoseconds now);
  void end_of(Pair& pair, int side, Nanoseconds now);
  void close_end(Pair& pair, int side, bool reset);
  void kill(Pair& pair, bool reset_client, bool reset_server);
  void settle(Pair& pair);
  void watch(End& end, std::uint32_t interest);
  void destroy(Pair& pair);

  StormProxy& owner;
  Random random;
  int epoll = -1;
  int wake = -1;
  std::vector<std::unique_ptr<Route>> routes;
  std::set<Pair*> pairs;
  std::set<std::pair<Nanoseconds, Pair*>> timers;
  std::vector<Pair*> graves;
  std::atomic<bool> stopping{false};
};

StormProxy::StormProxy(std::uint64_t seed, std::size_t clients)
    : seed_(seed), weather_(clients), loop_(std::make_unique<Loop>(*this)) {
  for (auto& each : weather_) each.store(Weather::calm);
}
StormProxy::~StormProxy() { stop(); }

std::uint16_t StormProxy::route(Kind kind, std::uint16_t target) {
  auto route = std::make_unique<Route>(Route{.kind = kind, .target = target});
  route->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = loopback(INADDR_ANY, 0);
  socklen_t size = sizeof address;
  const bool open = route->listener >= 0 &&
                    bind(route->listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                    listen(route->listener, 4096) == 0 &&
                    getsockname(route->listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!open) return 0;
  epoll_event event = {.events = EPOLLIN, .data = {.ptr = route.get()}};
  epoll_ctl(loop_->epoll, EPOLL_CTL_ADD, route->listener, &event);
  loop_->routes.push_back(std::move(route));
  return ntohs(address.sin_port);
}

void StormProxy::start() {
  thread_ = std::thread([this] { loop_->run(); });
}

void StormProxy::stop() {
  if (!thread_.joinable()) return;
  loop_->stopping.store(true);
  const std::uint64_t one = 1;
  static_cast<void>(!::write(loop_->wake, &one, sizeof one));
  thread_.join();
}

void StormProxy::Loop::run() {
  epoll_event events[256];
  while (!stopping.load()) {
    int wait = -1;
    if (!timers.empty()) {
      const Nanoseconds left = timers.begin()->first - clock_now();
      wait = left <= 0 ? 0 : static_cast<int>(std::min<Nanoseconds>(left / kMillisecond + 1, 1'000));
    }
    const int count = epoll_wait(epoll, events, 256, wait);
    const Nanoseconds now = clock_now();
    for (int at = 0; at < count; ++at) {
      void* const subject = events[at].data.ptr;
      const auto route = std::find_if(routes.begin(), routes.end(),
                                      [&](const std::unique_ptr<Route>& each) { return each.get() == subject; });
      if (route != routes.end()) {
        accept_all(**route);
      } else if (subject != nullptr) {
        on_event(*static_cast<End*>(subject), events[at].events, now);
      }
    }
    while (!timers.empty() && timers.begin()->first <= now) {
      Pair* const pair = timers.begin()->second;
      timers.erase(timers.begin());
      pair->wake_at = kNever;
      run_due(*pair, now);
    }
    for (Pair* pair : graves) delete pair;
    graves.clear();
  }
}

void StormProxy::Loop::accept_all(const Route& route) {
  for (;;) {
    const int accepted = accept4(route.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) return;
    sockaddr_in own = {};
    socklen_t size = sizeof own;
    getsockname(accepted, reinterpret_cast<sockaddr*>(&own), &size);
    const std::size_t client = ntohl(own.sin_addr.s_addr) & 0xFFFF;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in target = loopback(INADDR_LOOPBACK, route.target);
    const bool begun = server >= 0 && (connect(server, reinterpret_cast<sockaddr*>(&target), sizeof target) == 0 ||
                                       errno == EINPROGRESS);
    if (!begun || client >= owner.weather_.size()) {
      ::close(accepted);
      if (server >= 0) ::close(server);
      continue;
    }
    auto* pair = new Pair;
    pair->random = Random(random.next());
    pair->client = client;
    const int descriptors[2] = {accepted, server};
    for (int side = 0; side < 2; ++side) {
      const int on = 1;
      setsockopt(descriptors[side], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      pair->ends[side] = {.pair = pair, .side = side, .descriptor = descriptors[side]};
      epoll_event event = {.events = 0, .data = {.ptr = &pair->ends[side]}};
      epoll_ctl(epoll, EPOLL_CTL_ADD, descriptors[side], &event);
    }
    pairs.insert(pair);
    ++owner.counters_.connections;
    ++owner.counters_.live;
    plan(*pair, route.kind, clock_now());
    settle(*pair);
  }
}

// What will become of this connection.
void StormProxy::Loop::plan(Pair& pair, Kind kind, Nanoseconds now) {
  Random& draw = pair.random;
  pair.delay = draw.between(kMillisecond / 10, draw.once_in(4) ? 60 * kMillisecond : 8 * kMillisecond);
  pair.segment_max = draw.once_in(3) ? static_cast<std::size_t>(draw.between(20, 600)) : 16 * 1024;
  pair.tiny_max = draw.once_in(6) ? static_cast<std::size_t>(draw.between(1, 40)) : 0;
  if (owner.weather_[pair.client].load() != Weather::storm) return;
  const bool broker = kind == Kind::broker;
  if (draw.below(100) >= (broker ? 30U : 12U)) return;
  static constexpr Cut kCuts[] = {
      Cut::reset_both,        Cut::reset_client,      Cut::reset_server, Cut::fin_to_client, Cut::fin_to_server,
      Cut::silence_to_client, Cut::silence_to_server, Cut::silence,      Cut::pause,         Cut::reset_both};
  pair.cut = kCuts[draw.below(std::size(kCuts))];
  if (draw.below(100) < 60) {
    pair.cut_at = now + draw.between(0, broker ? 6'000 * kMillisecond : 150 * kMillisecond);
  } else {
    pair.cut_after[draw.below(2)] = draw.below(broker ? 8'000 : 4'000);
  }
}

void StormProxy::Loop::on_event(End& end, std::uint32_t events, Nanoseconds now) {
  Pair& pair = *end.pair;
  if (pair.dead || end.descriptor < 0) return;
  if (end.side == kServer && pair.connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(end.descriptor, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) return kill(pair, true, false);
    pair.connecting = false;
  }
  if ((events & EPOLLOUT) != 0) pair.flows[1 - end.side].blocked = false;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !pair.connecting) {
    if (pair.flows[end.side].ended && (events & (EPOLLHUP | EPOLLERR)) != 0) {
      end_of(pair, end.side, now);  // both ways are over there
    } else {
      read_from(pair, end.side, now);
    }
    if (pair.dead) return;
  }
  run_due(pair, now);
}

void StormProxy::Loop::read_from(Pair& pair, int side, Nanoseconds now) {
  Flow& flow = pair.flows[side];
  if (flow.ended) return;
  char room[16 * 1024];
  const ssize_t size = recv(pair.ends[side].descriptor, room, sizeof room, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) return end_of(pair, side, now);
  if (size == 0) {
    flow.ended = true;
    if (flow.silent) return end_of(pair, side, now);
    if (pair.ends[1 - side].descriptor < 0) {
      flow.closed = true;
      if (pair.flows[1 - side].closed) kill(pair, false, false);
      return;
    }
    flow.queue.push_back({.due = std::max(flow.last_due, now + pair.delay), .bytes = {}});
    return;
  }
  flow.read += static_cast<std::uint64_t>(size);
  owner.counters_.bytes += static_cast<std::uint64_t>(size);
  if (!flow.silent && pair.ends[1 - side].descriptor >= 0) chop(pair, side, room, static_cast<std::size_t>(size), now);
  if (flow.read >= pair.cut_after[side]) pair.cut_at = now;
}

// One piece of the stream becomes segments that come one after the other.
void StormProxy::Loop::chop(Pair& pair, int side, const char* bytes, std::size_t size, Nanoseconds now) {
  Flow& flow = pair.flows[side];
  while (size != 0) {
    const bool tiny = pair.tiny_max != 0 && flow.read < kTinyUpTo;
    const std::size_t most = std::min(size, tiny ? pair.tiny_max : pair.segment_max);
    const std::size_t take = most == size && !tiny ? size : static_cast<std::size_t>(1 + pair.random.below(most));
    Nanoseconds due = now + pair.delay + pair.random.between(0, pair.delay);
    if (pair.random.once_in(120)) {
      due += pair.random.between(20, 400) * kMillisecond;
      ++owner.counters_.stalls;
    }
    flow.last_due = std::max(flow.last_due, due);
    flow.queue.push_back({.due = flow.last_due, .bytes = std::string(bytes, take)});
    flow.queued += take;
    bytes += take;
    size -= take;
  }
}

void StormProxy::Loop::run_due(Pair& pair, Nanoseconds now) {
  if (pair.dead) return;
  if (now >= pair.dead_end_at) return kill(pair, true, true);
  if (now >= pair.cut_at) {
    cut(pair, now);
    if (pair.dead) return;
  }
  if (!pair.connecting && now >= pair.paused_until) {
    for (int side = 0; side < 2 && !pair.dead; ++side) forward(pair, side, now);
  }
  if (!pair.dead) settle(pair);
}

void StormProxy::Loop::forward(Pair& pair, int side, Nanoseconds now) {
  Flow& flow = pair.flows[side];
  const int to = pair.ends[1 - side].descriptor;
  while (!flow.silent && !flow.blocked && !flow.queue.empty() && flow.queue.front().due <= now) {
    Segment& segment = flow.queue.front();
    if (segment.bytes.empty()) {
      if (flow.reset) return kill(pair, true, true);
      ::shutdown(to, SHUT_WR);
      flow.closed = true;
      flow.queue.pop_front();
      if (pair.flows[1 - side].closed) return kill(pair, false, false);
      continue;
    }
    const ssize_t sent = send(to, segment.bytes.data(), segment.bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      flow.blocked = true;
      return;
    }
    if (sent < 0) return end_of(pair, 1 - side, now);
    flow.queued -= static_cast<std::size_t>(sent);
    if (static_cast<std::size_t>(sent) < segment.bytes.size()) {
      segment.bytes.erase(0, static_cast<std::size_t>(sent));
      continue;
    }
    ++owner.counters_.segments;
    flow.queue.pop_front();
  }
}

void StormProxy::Loop::cut(Pair& pair, Nanoseconds now) {
  pair.cut_at = kNever;
  pair.cut_after[0] = pair.cut_after[1] = UINT64_MAX;
  const Cut how = std::exchange(pair.cut, Cut::none);
  if (how == Cut::none || owner.weather_[pair.client].load() != Weather::storm) return;
  // One end is gone already, and what is on its way from there ends the other: a silence would swallow that.
  if (pair.ends[kClient].descriptor < 0 || pair.ends[kServer].descriptor < 0) return;
  const auto finish = [&](int to) {
    Flow& flow = pair.flows[1 - to];
    flow.queue.clear();
    flow.queued = 0;
    flow.ended = flow.silent = true;
    ::shutdown(pair.ends[to].descriptor, SHUT_WR);
    flow.closed = true;
    ++owner.counters_.fins;
  };
  const auto hush = [&](int from) {
    Flow& flow = pair.flows[from];
    flow.queue.clear();
    flow.queued = 0;
    flow.silent = true;
  };
  switch (how) {
    case Cut::none:
      return;
    case Cut::reset_both:
    case Cut::reset_client:
    case Cut::reset_server:
      ++owner.counters_.resets;
      return kill(pair, how != Cut::reset_server, how != Cut::reset_client);
    case Cut::fin_to_client:
      return finish(kClient);
    case Cut::fin_to_server:
      return finish(kServer);
    case Cut::silence_to_client:
    case Cut::silence_to_server:
    case Cut::silence:
      if (how != Cut::silence_to_server) hush(kServer);
      if (how != Cut::silence_to_client) hush(kClient);
      ++owner.counters_.silences;
      return;
    case Cut::pause:
      pair.paused_until = now + pair.random.between(300, 4'000) * kMillisecond;
      ++owner.counters_.stalls;
      return;
  }
}

// One side is gone: what is on its way to it has nobody to come to, what came from it still arrives, and then a reset.
// Across a silent path the other one is not told, and is left to find out.
void StormProxy::Loop::end_of(Pair& pair, int side, Nanoseconds now) {
  Flow& from = pair.flows[side];
  Flow& to = pair.flows[1 - side];
  if (pair.ends[1 - side].descriptor < 0 || from.closed || (from.silent && to.ended)) return kill(pair, true, true);
  close_end(pair, side, true);
  to.queue.clear();
  to.queued = 0;
  to.closed = true;
  if (from.silent) {
    pair.dead_end_at = std::min(pair.dead_end_at, now + kDeadEnd);
  } else if (!from.ended) {
    from.reset = true;
    from.queue.push_back({.due = std::max(from.last_due, now + pair.delay), .bytes = {}});
  }
  from.ended = true;
}

void StormProxy::Loop::close_end(Pair& pair, int side, bool reset) {
  End& end = pair.ends[side];
  if (end.descriptor < 0) return;
  if (reset) {
    const linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(end.descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  ::close(std::exchange(end.descriptor, -1));
}

void StormProxy::Loop::kill(Pair& pair, bool reset_client, bool reset_server) {
  close_end(pair, kClient, reset_client);
  close_end(pair, kServer, reset_server);
  destroy(pair);
}

void StormProxy::Loop::destroy(Pair& pair) {
  if (pair.dead) return;
  pair.dead = true;
  close_end(pair, kClient, false);
  close_end(pair, kServer, false);
  if (pair.wake_at != kNever) timers.erase({pair.wake_at, &pair});
  pairs.erase(&pair);
  graves.push_back(&pair);
  --owner.counters_.live;
}

// What is waited for next.
void StormProxy::Loop::settle(Pair& pair) {
  Nanoseconds next = std::min(pair.cut_at, pair.dead_end_at);
  for (int side = 0; side < 2; ++side) {
    Flow& out = pair.flows[1 - side];
    const Flow& in = pair.flows[side];
    std::uint32_t interest = 0;
    if (!pair.connecting && !in.ended && in.queued < kQueuedMax) interest |= EPOLLIN;
    if (out.blocked || (pair.connecting && side == kServer)) interest |= EPOLLOUT;
    watch(pair.ends[side], interest);
    if (!out.silent && !out.blocked && !out.queue.empty() && !pair.connecting) {
      next = std::min(next, std::max(out.queue.front().due, pair.paused_until));
    }
  }
  if (next == pair.wake_at) return;
  if (pair.wake_at != kNever) timers.erase({pair.wake_at, &pair});
  pair.wake_at = next;
  if (next != kNever) timers.insert({next, &pair});
}

void StormProxy::Loop::watch(End& end, std::uint32_t interest) {
  if (end.descriptor < 0 || end.interest == interest) return;
  end.interest = interest;
  epoll_event event = {.events = interest, .data = {.ptr = &end}};
  epoll_ctl(epoll, EPOLL_CTL_MOD, end.descriptor, &event);
}

}  // namespace interop
