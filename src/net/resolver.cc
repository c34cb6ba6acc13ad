#include <axonpush/net/reactor.h>
#include <axonpush/net/resolver.h>

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>

#include "net/heap.h"
#include "net/poller.h"
#include "net/posted.h"
#include "net/system_error.h"
#include "net/thread.h"

namespace axonpush::inline v0::net {

// --- getaddrinfo

// What the resolver and its threads hold together; the last of them frees it.
struct SystemResolver::Shared {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;  // held to post, and to end the posting
  Reactor* reactor = nullptr;                         // nullptr: the resolver is gone
  std::atomic<unsigned> threads{0};
  std::atomic<unsigned> owners{1};

  void release() noexcept {
    if (owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    pthread_mutex_destroy(&mutex);
    destroy(this);
  }
};

namespace {

constexpr std::size_t kNameBytes = limits::kHostBytes + 1;  // with a trailing dot

Error resolve_error(int code, int number) noexcept {
  const auto failed = [code](const char* what) {
    return Error(Errc::dns_failed, what).with_number(static_cast<std::uint32_t>(code < 0 ? -code : code));
  };
  switch (code) {
    case EAI_NONAME:
      return failed("the name does not exist");
    case EAI_AGAIN:
      return failed("the name servers gave no answer for now");
    case EAI_FAIL:
      return failed("the name servers refused or failed");
#if defined(EAI_NODATA)
    case EAI_NODATA:
      return failed("the name has no addresses");
#endif
    case EAI_MEMORY:
      return Error(Errc::no_memory, "no memory to look up a name");
    case EAI_SYSTEM: {
      const Error system = system_error(number, "the name could not be looked up");
      if (system.culprit() == Culprit::limit) return system;
      return Error(Errc::dns_failed, "the name could not be looked up").with_number(static_cast<std::uint32_t>(number));
    }
    default:
      return failed("the name could not be looked up");
  }
}

struct SystemQuery : PostedTask {
  explicit SystemQuery(Deliver wanted) noexcept : PostedTask(wanted) {}
  char name[kNameBytes + 1] = {};
  ResolveSink* sink = nullptr;  // the loop's; nullptr: cancelled
  IpAddresses addresses;        // the thread's until it posts
  Error error;
  std::atomic<unsigned> owners{2};  // the loop and the thread

  void release() noexcept {
    if (owners.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(this);
  }
};

void deliver(PostedTask& task, PostedFate fate) noexcept {
  auto& query = static_cast<SystemQuery&>(task);
  ResolveSink* const sink = std::exchange(query.sink, nullptr);
  if (sink != nullptr && fate == PostedFate::run) {
    if (query.error) {
      sink->on_resolve_failed(query.error);
    } else {
      sink->on_resolved(query.addresses);
    }
  }
  if (sink != nullptr) query.release();  // the loop's share
  query.release();                       // the thread's
}

void look_up(SystemQuery& query) noexcept {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(query.name, nullptr, &hints, &found);
  if (code != 0) {
    query.error = resolve_error(code, errno);
    return;
  }
  AddressCollector collector;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    if (info->ai_family == AF_INET) {
      sockaddr_in address;
      std::memcpy(&address, info->ai_addr, sizeof address);
      std::uint8_t bytes[4];
      std::memcpy(bytes, &address.sin_addr, sizeof bytes);
      collector.add(IpAddress::v4(bytes));
    } else if (info->ai_family == AF_INET6) {
      sockaddr_in6 address;
      std::memcpy(&address, info->ai_addr, sizeof address);
      std::uint8_t bytes[16];
      std::memcpy(bytes, &address.sin6_addr, sizeof bytes);
      collector.add(IpAddress::v6(bytes, address.sin6_scope_id));
    }
  }
  ::freeaddrinfo(found);
  query.addresses = collector.interleaved();
  if (query.addresses.empty()) query.error = Error(Errc::dns_failed, "the name has no usable addresses");
}

struct Work {
  SystemQuery* query;
  SystemResolver::Shared* shared;
};

}  // namespace

// A thread's whole life. After its post it touches nothing of the query.
void SystemResolver::serve(void* argument) noexcept {
  const Work work = *static_cast<Work*>(argument);
  destroy(static_cast<Work*>(argument));
  look_up(*work.query);
  work.shared->threads.fetch_sub(1);
  pthread_mutex_lock(&work.shared->mutex);
  if (work.shared->reactor != nullptr) {
    work.shared->reactor->post(*work.query);
  } else {
    work.query->release();
  }
  pthread_mutex_unlock(&work.shared->mutex);
  work.shared->release();
}

SystemResolver::SystemResolver(Reactor& reactor) noexcept : shared_(make<Shared>()) {
  if (shared_ != nullptr) shared_->reactor = &reactor;
}

SystemResolver::~SystemResolver() {
  // In the child of a fork the threads do not exist and one of them may have held the mutex: what is shared is left.
  if (shared_ == nullptr || shared_->reactor->forked()) return;
  pthread_mutex_lock(&shared_->mutex);
  shared_->reactor = nullptr;
  pthread_mutex_unlock(&shared_->mutex);
  shared_->release();
}

Resolver::Query* SystemResolver::start(std::string_view host, ResolveSink& sink, Error& error) noexcept {
  error = Error();
  if (shared_ == nullptr) {
    error = Error(Errc::no_memory, "no memory to look up names");
  } else if (host.empty() || host.size() > kNameBytes || host.find('\0') != std::string_view::npos) {
    error = Error(Errc::dns_failed, "the name is empty or longer than a name can be");
  } else if (shared_->threads.load() >= kThreadsMax) {
    error = Error(Errc::dns_failed, "too many earlier look-ups have not been answered yet");
  }
  if (error) return nullptr;
  auto* query = make<SystemQuery>(&deliver);
  auto* work = query == nullptr ? nullptr : make<Work>(query, shared_);
  Status started = Error(Errc::no_memory, "no memory to look up a name");
  if (work != nullptr) {
    std::memcpy(query->name, host.data(), host.size());
    query->sink = &sink;
    shared_->threads.fetch_add(1);
    shared_->owners.fetch_add(1);
    Thread thread;
    started = thread.start(&SystemResolver::serve, work);
    if (started.ok()) {
      thread.detach();
      return reinterpret_cast<Query*>(query);
    }
    shared_->threads.fetch_sub(1);
    shared_->owners.fetch_sub(1);
  }
  destroy(work);
  destroy(query);
  error = started.error();
  return nullptr;
}

void SystemResolver::cancel(Query* query) noexcept {
  if (query == nullptr) return;
  auto* own = reinterpret_cast<SystemQuery*>(query);
  own->sink = nullptr;
  own->release();
}

}  // namespace axonpush::inline v0::net
