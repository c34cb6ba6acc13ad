// axonpush_idle [COUNT] [--seconds N] [--mode default|low-memory]: COUNT clients (10,000), each with a live session
// over TLS, on one reactor's thread against the loopback service in a process of its own. Prints what an idle
// connection costs: memory of ours, OpenSSL's, resident; and how often the loop wakes while nothing happens.
//
// Each mode runs in a fresh process, so that what one leaves in the heap is not the other's. Exits 1 when a session is
// missing or a goal of DESIGN 7 is missed.
#include <axonpush/client.h>
#include <axonpush/net/reactor.h>
#include <axonpush/net/tls.h>
#include <axonpush/testing/loopback_service.h>

#include <malloc.h>
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

// Live bytes as the allocator counts them: a request of 33 bytes that takes 48 counts 48.
std::int64_t own_bytes = 0;
std::int64_t openssl_bytes = 0;

void* counted(std::size_t size, std::int64_t& bytes) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory != nullptr) bytes += static_cast<std::int64_t>(malloc_usable_size(memory));
  return memory;
}
void discounted(void* memory, std::int64_t& bytes) {
  if (memory != nullptr) bytes -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// The measuring process has one thread but for the resolver's, which this program never needs.
void* operator new(std::size_t size) {
  if (void* memory = counted(size, own_bytes)) return memory;
  std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size, own_bytes); }
void operator delete(void* memory) noexcept { discounted(memory, own_bytes); }
void operator delete(void* memory, std::size_t) noexcept { discounted(memory, own_bytes); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { discounted(memory, own_bytes); }

namespace axonpush::bench {
namespace {

constexpr std::size_t kUnderWay = 64;       // connections that are being opened at a time
constexpr double kOwnGoalKib = 64;          // DESIGN 7: default mode, ours alone
constexpr double kLowGoalKib = 40;          // low-memory mode, OpenSSL's share included
constexpr std::size_t kJudgedFrom = 5'000;  // with fewer, what the loop keeps for all of them weighs too much

struct Options {
  std::size_t count = 10'000;
  unsigned seconds = 10;
  std::string_view mode;  // empty: both
};

struct Service {
  char base_url[64];
  char ca_pem[4096];
  char api_key[128];
  char tenant_id[128];
};

void count_openssl() {
  const auto take = [](std::size_t size, const char*, int) { return counted(size, openssl_bytes); };
  const auto again = [](void* memory, std::size_t size, const char*, int) -> void* {
    if (memory != nullptr) openssl_bytes -= static_cast<std::int64_t>(malloc_usable_size(memory));
    void* grown = std::realloc(memory, size);
    if (grown != nullptr) openssl_bytes += static_cast<std::int64_t>(malloc_usable_size(grown));
    return grown;
  };
  const auto give = [](void* memory, const char*, int) { discounted(memory, openssl_bytes); };
  if (CRYPTO_set_mem_functions(take, again, give) != 1) std::fprintf(stderr, "OpenSSL's memory cannot be counted\n");
}

void raise_limit(std::size_t wanted) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur < wanted) {
    std::fprintf(stderr, "only %llu descriptors are allowed here, %zu are wanted\n",
                 static_cast<unsigned long long>(limit.rlim_cur), wanted);
  }
}

double resident_kib() {
  unsigned long pages = 0;
  unsigned long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

double processor_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

// The service's process: until its input ends.
int serve(int input, int output) {
  testing::LoopbackService service;
  if (!service.status().ok()) return 1;
  Service told = {};
  const auto put = [](char* into, std::size_t size, const std::string& text) {
    std::snprintf(into, size, "%s", text.c_str());
  };
  put(told.base_url, sizeof told.base_url, service.base_url());
  put(told.ca_pem, sizeof told.ca_pem, service.ca_pem());
  put(told.api_key, sizeof told.api_key, service.api_key());
  put(told.tenant_id, sizeof told.tenant_id, service.tenant_id());
  if (::write(output, &told, sizeof told) != sizeof told) return 1;
  char byte = 0;
  while (::read(input, &byte, 1) > 0) {
  }
  return 0;
}

class Fleet {
 public:
  Fleet(const Service& service, const Options& options, bool low_memory)
      : options_(options), service_(service), tls_(tls_options(service, low_memory)) {
    clients_.reserve(options.count);
    sessions_.resize(options.count);
  }

  // False when a session cannot be opened.
  bool open() {
    while (live_ < options_.count && !failed_) {
      while (clients_.size() < options_.count && clients_.size() - live_ < kUnderWay) open_one();
      reactor_.run_once(Instant::never());
    }
    return !failed_;
  }
  // Turns of the loop within so much time.
  std::uint64_t idle(Duration time) {
    std::uint64_t turns = 0;
    const Instant until = net::Reactor::clock() + time;
    while (net::Reactor::clock() < until) {
      reactor_.run_once(until);
      ++turns;
    }
    return turns;
  }
  [[nodiscard]] std::size_t still_live() const {
    std::size_t count = 0;
    for (const Realtime& session : sessions_) count += session.state() == ConnectionState::live ? 1U : 0U;
    return count;
  }
  [[nodiscard]] bool ready() const { return tls_.status().ok() && reactor_.status().ok(); }

 private:
  static TlsOptions tls_options(const Service& service, bool low_memory) {
    TlsOptions options;
    options.ca_pem = service.ca_pem;
    options.low_memory = low_memory;
    return options;
  }
  void open_one() {
    ClientOptions options;
    options.api_key = service_.api_key;
    options.tenant_id = service_.tenant_id;
    options.base_url = service_.base_url;
    options.read_environment = false;
    const std::size_t index = clients_.size();
    clients_.push_back(std::make_unique<Client>(reactor_, tls_, std::move(options)));
    const Status started = clients_[index]->connect_realtime({}, [this, index](const Result<Realtime>& session) {
      if (!session.ok()) return fail(session.error());
      sessions_[index] = *session;
      ++live_;
    });
    if (!started.ok()) fail(started.error());
  }
  void fail(const Error& error) {
    char text[256];
    const std::size_t size = error.format(text);
    std::fprintf(stderr, "session %zu: %.*s\n", live_ + 1, static_cast<int>(size), text);
    failed_ = true;
  }

  Options options_;
  Service service_;
  net::Reactor reactor_;
  net::TlsContext tls_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Realtime> sessions_;
  std::size_t live_ = 0;
  bool failed_ = false;
};

int measure(const Service& service, const Options& options, bool low_memory) {
  Fleet fleet(service, options, low_memory);
  if (!fleet.ready()) return 1;
  const auto count = static_cast<double>(options.count);
  const std::int64_t own_before = own_bytes;
  const std::int64_t openssl_before = openssl_bytes;
  const double resident_before = resident_kib();
  const double processor_before = processor_seconds();
  const Instant begun = net::Reactor::clock();
  if (!fleet.open()) return 1;
  const double opened_in = static_cast<double>((net::Reactor::clock() - begun).milliseconds()) / 1e3;
  const double processor_open = processor_seconds() - processor_before;
  // What connecting leaves behind (a retired HTTPS connection, say) has a moment to go.
  static_cast<void>(fleet.idle(milliseconds(200)));
  const double own = static_cast<double>(own_bytes - own_before) / 1024 / count;
  const double openssl = static_cast<double>(openssl_bytes - openssl_before) / 1024 / count;
  const double resident = (resident_kib() - resident_before) / count;
  const double processor_idle_before = processor_seconds();
  const std::uint64_t turns = fleet.idle(seconds(options.seconds));
  const double processor_idle = processor_seconds() - processor_idle_before;
  const std::size_t live = fleet.still_live();
  const double idle_seconds = options.seconds == 0 ? 1 : options.seconds;
  std::printf("%-10s %6zu %9.1f %9.1f %9.1f %9.1f %10.1f %9.2f%% %8.1f s\n", low_memory ? "low-memory" : "default",
              live, own, openssl, own + openssl, resident, static_cast<double>(turns) / idle_seconds,
              100 * processor_idle / idle_seconds, opened_in);
  const bool judged = options.count >= kJudgedFrom;
  const bool met = low_memory ? own + openssl <= kLowGoalKib : own <= kOwnGoalKib;
  std::printf("           opening took %.2f ms of processor time each; goal: %s %.0f KiB, %s\n",
              1e3 * processor_open / count, low_memory ? "both" : "ours", low_memory ? kLowGoalKib : kOwnGoalKib,
              !judged ? "not judged with so few"
              : met   ? "met"
                      : "MISSED");
  std::fflush(stdout);
  return live == options.count && (met || !judged) ? 0 : 1;
}

// A mode in two processes: the service, and the one that is measured.
int run(const Options& options, bool low_memory) {
  int to_service[2];
  int from_service[2];
  if (::pipe(to_service) != 0 || ::pipe(from_service) != 0) return 1;
  const pid_t service_process = ::fork();
  if (service_process == 0) {
    ::close(to_service[1]);
    ::close(from_service[0]);
    ::_exit(serve(to_service[0], from_service[1]));
  }
  ::close(to_service[0]);
  ::close(from_service[1]);
  Service service = {};
  int code = 1;
  if (::read(from_service[0], &service, sizeof service) == sizeof service) {
    const pid_t measured = ::fork();
    if (measured == 0) ::_exit(measure(service, options, low_memory));
    int status = 0;
    if (::waitpid(measured, &status, 0) == measured && WIFEXITED(status)) code = WEXITSTATUS(status);
  }
  ::close(to_service[1]);
  ::close(from_service[0]);
  int status = 0;
  static_cast<void>(::waitpid(service_process, &status, 0));
  return code;
}

bool number(const char* text, unsigned long& value) {
  char* end = nullptr;
  value = std::strtoul(text, &end, 10);
  return end != text && *end == '\0';
}

bool parse(int argc, char** argv, Options& options) {
  for (int at = 1; at < argc; ++at) {
    const std::string_view word = argv[at];
    unsigned long value = 0;
    if (word == "--mode" && at + 1 < argc) {
      options.mode = argv[++at];
      if (options.mode != "default" && options.mode != "low-memory") return false;
    } else if (word == "--seconds" && at + 1 < argc) {
      if (!number(argv[++at], value) || value > 3'600) return false;
      options.seconds = static_cast<unsigned>(value);
    } else {
      if (!number(argv[at], value) || value == 0 || value > 1'000'000) return false;
      options.count = value;
    }
  }
  return true;
}

}  // namespace
}  // namespace axonpush::bench

int main(int argc, char** argv) {
  using namespace axonpush::bench;
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: axonpush_idle [COUNT] [--seconds N] [--mode default|low-memory]\n");
    return 2;
  }
  count_openssl();
  raise_limit(options.count + 256);
  std::printf("KiB per idle connection (client, session, TLS); %zu on one thread, service in another process\n",
              options.count);
  std::printf("%-10s %6s %9s %9s %9s %9s %10s %10s %10s\n", "mode", "live", "ours", "OpenSSL", "both", "resident",
              "wake-ups/s", "processor", "opened in");
  std::fflush(stdout);
  int code = 0;
  if (options.mode != "low-memory") code |= run(options, false);
  if (options.mode != "default") code |= run(options, true);
  return code;
}
