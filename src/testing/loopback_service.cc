#include <axonpush/testing/loopback_service.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "testing/broker_peer.h"
#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

Error closed_error() { return Error(Errc::closed, "the loopback service is not running"); }

// One thing that one thread waits for and another one does.
class Gate {
 public:
  void open() {
    // Notified under the lock: the waiter may destroy the gate as soon as it gets on.
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

std::string temporary_directory() {
  const char* named = std::getenv("TMPDIR");
  return named != nullptr && *named != '\0' ? named : "/tmp";
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

struct LoopbackService::Impl {
  explicit Impl(const LoopbackOptions& options) : server(options) {}

  static void* thread_main(void* self) {
    static_cast<Impl*>(self)->serve();
    return nullptr;
  }
  void serve() {
    status = server.start();
    started.open();
    if (status.ok()) server.reactor().run();
    server.stop();
  }

  void start() {
    server.on_change = [](void* self) { static_cast<Impl*>(self)->changed(); };
    server.on_change_context = this;
    // The thread takes no signals: they are the program's, whose own threads expect them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(&thread, nullptr, thread_main, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failure != 0) {
      status = Error(Errc::no_memory, "the loopback service could not start its thread");
      return;
    }
    running = true;
    started.wait();
    if (!status.ok()) join();
  }

  void join() {
    pthread_join(thread, nullptr);
    running = false;
  }

  void stop() {
    const std::lock_guard lock(calls);
    if (running) {
      // From within a turn: a stop() that came before run() would be run()'s to forget.
      const Status posted = server.reactor().post([this] { server.reactor().stop(); });
      if (!posted.ok()) server.reactor().stop();
      join();
    }
    if (!ca_file.empty()) ::unlink(ca_file.c_str());
    ca_file.clear();
    const std::lock_guard change_lock(change_mutex);
    ++generation;
    change.notify_all();
  }

  // Runs `task` on the service's thread and waits for it. False: there is none.
  template <class Task>
  bool run(Task&& task) {
    const std::lock_guard lock(calls);
    if (!running) return false;
    Gate done;
    const Status posted = server.reactor().post([&] {
      server.touch();
      task();
      done.open();
    });
    if (!posted.ok()) return false;
    done.wait();
    return true;
  }

  void changed() {
    if (waiters.load() == 0) return;
    const std::lock_guard lock(change_mutex);
    ++generation;
    change.notify_all();
  }

  LoopbackStats stats() {
    LoopbackStats copy;
    if (!run([&] { copy = server.stats(); })) {
      const std::lock_guard lock(calls);
      copy = server.stats();  // the thread is gone, nobody else touches them
    }
    return copy;
  }

  template <class Reached>
  bool wait_for(const Reached& reached, Duration timeout) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(timeout.nanoseconds());
    waiters.fetch_add(1);
    bool answer = false;
    for (;;) {
      std::unique_lock lock(change_mutex);
      const std::uint64_t seen = generation;
      lock.unlock();
      answer = reached(stats());
      if (answer) break;
      lock.lock();
      // What changed between the two locks has moved the generation on.
      if (!change.wait_until(lock, deadline, [&] { return generation != seen; })) break;
    }
    waiters.fetch_sub(1);
    return answer;
  }

  Server server;
  Gate started;
  Status status;
  pthread_t thread{};
  std::mutex calls;  // one call at a time, and none while the thread ends
  bool running = false;
  std::string ca_file;
  std::mutex change_mutex;
  std::condition_variable change;
  std::uint64_t generation = 0;
  std::atomic<int> waiters{0};
};

LoopbackService::LoopbackService(const LoopbackOptions& options) : impl_(new Impl(options)) { impl_->start(); }

LoopbackService::~LoopbackService() {
  impl_->stop();
  delete impl_;
}

void LoopbackService::stop() { impl_->stop(); }

const Status& LoopbackService::status() const noexcept { return impl_->status; }
const std::string& LoopbackService::base_url() const noexcept { return impl_->server.base_url(); }
const std::string& LoopbackService::broker_url() const noexcept { return impl_->server.broker_url(); }
const std::string& LoopbackService::ca_pem() const noexcept { return impl_->server.ca_pem(); }
const std::string& LoopbackService::api_key() const noexcept { return impl_->server.options().api_key; }
const std::string& LoopbackService::tenant_id() const noexcept { return impl_->server.options().tenant_id; }
const std::string& LoopbackService::topic_prefix() const noexcept { return impl_->server.options().topic_prefix; }
std::uint16_t LoopbackService::port() const noexcept { return impl_->server.port(Listening::credentials); }
std::uint16_t LoopbackService::broker_port() const noexcept { return impl_->server.port(Listening::broker); }

Result<std::string> LoopbackService::write_ca_file() {
  const std::lock_guard lock(impl_->calls);
  if (!impl_->running) return closed_error();
  if (!impl_->ca_file.empty()) return impl_->ca_file;
  std::string path = temporary_directory() + "/axonpush-loopback-XXXXXX";
  const int descriptor = ::mkstemp(path.data());
  if (descriptor < 0) return Error(Errc::invalid_argument, "no file can be made in the directory for temporary files");
  const bool written = write_all(descriptor, ca_pem());
  ::close(descriptor);
  impl_->ca_file = path;
  if (!written) return Error(Errc::invalid_argument, "the certificate could not be written to its temporary file");
  return path;
}

LoopbackStats LoopbackService::stats() const { return impl_->stats(); }

bool LoopbackService::wait_until(std::uint64_t LoopbackStats::*counter, std::uint64_t at_least,
                                 Duration timeout) const {
  return impl_->wait_for([&](const LoopbackStats& now) { return now.*counter >= at_least; }, timeout);
}

bool LoopbackService::wait_until_at_most(std::uint64_t LoopbackStats::*counter, std::uint64_t at_most,
                                         Duration timeout) const {
  return impl_->wait_for([&](const LoopbackStats& now) { return now.*counter <= at_most; }, timeout);
}

Result<std::uint64_t> LoopbackService::publish(std::string_view topic, std::string_view body,
                                               const LoopbackPublish& how) {
  Error refused;
  std::uint64_t reached = 0;
  const bool ran = impl_->run([&] {
    Server& server = impl_->server;
    if (mqtt::failed(server.broker().judge_topic(topic))) {
      refused = Error(Errc::topic_invalid, "the topic breaks the service's topic rules");
    } else if (body.size() > server.options().payload_bytes_max) {
      refused = Error(Errc::payload_too_large, "the body is larger than the service takes");
    } else if (how.qos == mqtt::Qos::exactly_once) {
      refused = Error(Errc::qos_not_supported, "the service knows QoS 0 and 1");
    }
    if (refused) return;
    for (std::uint32_t count = 0; count < how.count; ++count) {
      reached =
          server.broker().route({.topic = topic, .payload = bytes_of(body), .properties = {}, .qos = how.qos}, nullptr);
      ++server.stats().publishes;
    }
  });
  if (!ran) return closed_error();
  if (refused) return refused;
  return reached;
}

Result<std::uint64_t> LoopbackService::publish(const LoopbackTopic& topic, std::string_view body,
                                               const LoopbackPublish& how) {
  std::string whole = topic_prefix();
  for (const std::string_view segment :
       {topic.environment, topic.app_id, topic.channel_id, topic.event_type, topic.agent_id}) {
    whole.append("/").append(segment);
  }
  return publish(whole, body, how);
}

// --- Faults

void LoopbackService::expire_now() {
  impl_->run([&] { impl_->server.credentials().expire_all(); });
}

void LoopbackService::refuse_credentials(const Refusal& refusal) {
  impl_->run([&] { impl_->server.faults().refuse_credentials = {.value = refusal, .count = refusal.count}; });
}

void LoopbackService::replace_credentials(std::string body, std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().replace_credentials = {.value = std::move(body), .count = count}; });
}

void LoopbackService::credentials_lifetime(Duration lifetime) {
  impl_->run([&] { impl_->server.credentials().lifetime(lifetime); });
}

void LoopbackService::drop_connections(Drop how) {
  impl_->run([&] {
    for (Peer* peer : impl_->server.broker_peers()) how == Drop::reset ? peer->abort() : peer->finish();
  });
}

void LoopbackService::disconnect_clients(mqtt::ReasonCode reason) {
  impl_->run([&] {
    for (Peer* peer : impl_->server.broker_peers()) {
      static_cast<BrokerPeer*>(peer)->disconnect(reason, "the loopback service was told to");
    }
  });
}

void LoopbackService::close_clients(std::uint16_t close_code) {
  impl_->run([&] {
    for (Peer* peer : impl_->server.broker_peers()) {
      static_cast<BrokerPeer*>(peer)->close_with(close_code, "the loopback service was told to");
    }
  });
}

void LoopbackService::ping_clients() {
  impl_->run([&] {
    for (Peer* peer : impl_->server.broker_peers()) static_cast<BrokerPeer*>(peer)->ping();
  });
}

void LoopbackService::freeze(bool frozen) {
  impl_->run([&] {
    impl_->server.faults().frozen = frozen;
    for (Peer* peer : impl_->server.broker_peers()) peer->freeze(frozen);
  });
}

void LoopbackService::forget_sessions() {
  impl_->run([&] { impl_->server.broker().forget_offline(); });
}

void LoopbackService::refuse_upgrade(std::uint16_t status, std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().refuse_upgrade = {.value = status, .count = count}; });
}

void LoopbackService::fail_next_connack(mqtt::ReasonCode reason, std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().fail_connack = {.value = reason, .count = count}; });
}

void LoopbackService::refuse_filter(std::string part, mqtt::ReasonCode reason, std::uint32_t count) {
  impl_->run(
      [&] { impl_->server.faults().filters.push_back({.part = std::move(part), .reason = reason, .count = count}); });
}

void LoopbackService::allow_filters() {
  impl_->run([&] { impl_->server.faults().filters.clear(); });
}

void LoopbackService::refuse_publish(mqtt::ReasonCode reason, std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().refuse_publish = {.value = reason, .count = count}; });
}

void LoopbackService::kill_before_suback(std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().kill_before_suback.count = count; });
}

void LoopbackService::kill_before_puback(std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().kill_before_puback.count = count; });
}

void LoopbackService::duplicate_deliveries(std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().duplicate.count = count; });
}

void LoopbackService::lose_deliveries(std::uint32_t count) {
  impl_->run([&] { impl_->server.faults().lose.count = count; });
}

void LoopbackService::ignore_pings(bool ignored) {
  impl_->run([&] { impl_->server.faults().ignore_pings = ignored; });
}

void LoopbackService::delay(Duration wait) {
  impl_->run([&] {
    for (Duration& each : impl_->server.faults().delays) each = wait;
  });
}

void LoopbackService::delay(LoopbackAnswer answer, Duration wait) {
  impl_->run([&] { impl_->server.faults().delays[static_cast<std::size_t>(answer)] = wait; });
}

}  // namespace axonpush::inline v0::testing
