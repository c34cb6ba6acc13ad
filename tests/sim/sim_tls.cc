#include "sim/sim_tls.h"

#include <axonpush/net/socket.h>
#include <axonpush/net/tls.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include <cerrno>
#include <map>

#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "sim/sim_heap.h"
#include "support/certificates.h"

namespace axonpush::sim {

namespace {

// --- Randomness: OpenSSL's is the program's, so one stream serves both sides of all connections of a run.

Random* source = nullptr;

int draw(unsigned char* into, int size) {
  for (int at = 0; at < size; ++at) into[at] = static_cast<unsigned char>(source->next() >> 32);
  return 1;
}
int ready() { return 1; }

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
// OpenSSL 3 calls the method deprecated in favour of a provider, which takes ten functions to say the same.
void be_seeded(Random* from) {
  static const RAND_METHOD method = {nullptr, draw, nullptr, nullptr, draw, ready};
  source = from;
  RAND_set_rand_method(from == nullptr ? nullptr : &method);
}
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

// What the channels and OpenSSL take is not the client's.
class NobodysHeap {
 public:
  NobodysHeap() : before_(heap::exchange(nullptr)) {}
  ~NobodysHeap() { heap::exchange(before_); }
  NobodysHeap(const NobodysHeap&) = delete;
  NobodysHeap& operator=(const NobodysHeap&) = delete;

 private:
  heap::Account* before_;
};

// --- The wire as a socket: a seam of the linker's, as in tests/support/memory_socket.h

std::map<const net::Socket*, Connection*> wires;

// RSA throughout: the length of its signatures does not depend on what is signed, and that a ticket holds the second it
// was made in must not show in the length of anything.
test::CertificateSpec spec(std::string_view common_name, std::string_view names = {}) {
  test::CertificateSpec made{.common_name = std::string(common_name), .key = test::KeyKind::rsa2048};
  made.authority = names.empty();
  if (!names.empty()) made.extensions = {{"subjectAltName", std::string(names)}};
  return made;
}
constexpr std::string_view kServers = "DNS:api.example.com,DNS:broker.example.com";

struct Authority {
  Authority()
      : root(spec("axonpush sim authority")),
        other(spec("nobody's authority")),
        leaf(spec("servers", kServers), &root),
        unknown(spec("unknown", kServers), &other),
        elsewhere(spec("elsewhere", "DNS:elsewhere.example.com"), &root) {}
  test::Certificate root;
  test::Certificate other;
  test::Certificate leaf;
  test::Certificate unknown;    // issued by nobody the client knows
  test::Certificate elsewhere;  // trusted, of another name
};

// Made once, with the same keys in every process.
const Authority& authority() {
  static const std::unique_ptr<const Authority> made = [] {
    Random random(0x7115);
    Random* const before = source;
    be_seeded(&random);
    auto built = std::make_unique<const Authority>();
    be_seeded(before);
    return built;
  }();
  return *made;
}

SSL_CTX* server_context(const test::Certificate& certificate, bool old_version) {
  SSL_CTX* made = SSL_CTX_new(TLS_server_method());
  const auto* const id = reinterpret_cast<const unsigned char*>("sim");
  const bool good = made != nullptr && SSL_CTX_use_certificate(made, certificate.x509()) == 1 &&
                    SSL_CTX_use_PrivateKey(made, certificate.key()) == 1 &&
                    SSL_CTX_set_session_id_context(made, id, 3) == 1 &&
                    SSL_CTX_set_max_proto_version(made, old_version ? TLS1_2_VERSION : TLS1_3_VERSION) == 1;
  if (!good) std::abort();
  // Tickets only: a cache would carry something from one connection to the next that no seed knows.
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  return made;
}

}  // namespace

struct TlsWorld::Impl {
  explicit Impl(World& world)
      : random(stream_seed(world.seed(), "openssl")), choices(stream_seed(world.seed(), "tls")) {
    const Authority& parties = authority();
    be_seeded(&random);
    const bool old_version = choices.chance(0.25);
    server = server_context(parties.leaf, old_version);
    unknown = server_context(parties.unknown, old_version);
    elsewhere = server_context(parties.elsewhere, old_version);
    client = std::make_unique<net::TlsContext>(TlsOptions{.ca_pem = parties.root.pem()});
    if (!client->status().ok()) std::abort();
  }
  ~Impl() {
    sessions.clear();
    client.reset();
    for (SSL_CTX* each : {server, unknown, elsewhere}) SSL_CTX_free(each);
    be_seeded(nullptr);
  }

  Random random;
  Random choices;
  SSL_CTX* server = nullptr;
  SSL_CTX* unknown = nullptr;
  SSL_CTX* elsewhere = nullptr;
  std::unique_ptr<net::TlsContext> client;
  BufferPool buffers;  // TLS's, which is not the client's
  std::map<const VirtualHost*, net::TlsSessions> sessions;
};

namespace {

class TlsChannel final : public Channel {
 public:
  TlsChannel(Connection& link, TlsWorld& world, TlsWorld::Impl& impl) : world_(world), stream_(socket_, impl.buffers) {
    const NobodysHeap nobodys;
    wires[&socket_] = &link;
    SSL_CTX* context = impl.server;
    impostor_ = impl.choices.chance(world.impostors);
    if (impostor_) context = impl.choices.chance(0.5) ? impl.unknown : impl.elsewhere;
    server_ = SSL_new(context);
    to_server_ = BIO_new(BIO_s_mem());
    from_server_ = BIO_new(BIO_s_mem());
    if (server_ == nullptr || to_server_ == nullptr || from_server_ == nullptr) std::abort();
    SSL_set_bio(server_, to_server_, from_server_);
    SSL_set_accept_state(server_);
    net::PeerName name;
    if (!name.assign(link.server_name()).ok() ||
        !stream_.open(*impl.client->impl(), name, link.port(), impl.sessions[&link.host()]).ok()) {
      std::abort();
    }
  }
  ~TlsChannel() override {
    SSL_free(server_);
    wires.erase(&socket_);
  }

  IoOutcome handshake() override {
    const NobodysHeap nobodys;
    const IoOutcome outcome = stream_.handshake();
    if (outcome == IoOutcome::ok) {
      ++world_.handshakes;
      if (stream_.resumed()) ++world_.resumed;
      if (impostor_) world_.impostor_trusted = true;
    } else if (outcome == IoOutcome::error && impostor_) {
      ++world_.refused;
    }
    return outcome;
  }
  TlsVerified take_proof() override { return stream_.take_proof(); }
  IoResult recv(MutableBytes into) override {
    const NobodysHeap nobodys;
    return stream_.recv(into);
  }
  IoResult send(Bytes from) override {
    const NobodysHeap nobodys;
    return stream_.send(from);
  }
  IoOutcome shutdown() override {
    const NobodysHeap nobodys;
    return stream_.shutdown();
  }
  const Error& error() const override { return stream_.error(); }
  void readable() override { stream_.readable(); }
  bool recv_wants_write() const override { return stream_.recv_wants_write(); }
  bool send_wants_read() const override { return stream_.send_wants_read(); }
  bool wants_again() const override { return stream_.wants_again(); }

  std::string seal(std::string_view text) override {
    ERR_clear_error();
    unsent_ += text;
    write_unsent();
    return outgoing();
  }
  std::string unseal(std::string_view wire, std::string& answer) override {
    ERR_clear_error();
    BIO_write(to_server_, wire.data(), static_cast<int>(wire.size()));
    std::string text;
    if (!server_ready_) server_ready_ = SSL_do_handshake(server_) == 1;
    if (server_ready_) {
      char part[4'096];
      for (int got = 0; (got = SSL_read(server_, part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(got));
      write_unsent();
    }
    answer = outgoing();
    ERR_clear_error();
    return text;
  }
  std::string farewell() override {
    if (server_ready_) SSL_shutdown(server_);
    ERR_clear_error();
    return outgoing();
  }

 private:
  void write_unsent() {
    if (!server_ready_ || unsent_.empty()) return;
    // After a failure nothing goes out any more, as with a server whose TLS has broken.
    SSL_write(server_, unsent_.data(), static_cast<int>(unsent_.size()));
    unsent_.clear();
  }
  std::string outgoing() {
    std::string bytes(BIO_ctrl_pending(from_server_), '\0');
    if (!bytes.empty()) BIO_read(from_server_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }

  TlsWorld& world_;
  net::Socket socket_;
  net::TlsStream stream_;
  SSL* server_ = nullptr;
  BIO* to_server_ = nullptr;
  BIO* from_server_ = nullptr;
  std::string unsent_;  // what the server said before its handshake was done
  bool server_ready_ = false;
  bool impostor_ = false;
};

}  // namespace

TlsWorld::TlsWorld(World& world) : impl_(std::make_unique<Impl>(world)) {
  world.channel = [this](Connection& link) { return std::make_unique<TlsChannel>(link, *this, *impl_); };
}
TlsWorld::~TlsWorld() = default;

}  // namespace axonpush::sim

namespace axonpush::inline v0::net {

void Socket::close() noexcept {}
void Socket::shutdown_output() noexcept {}

IoResult Socket::recv(MutableBytes into) noexcept {
  const IoResult got = sim::wires[this]->take_wire(into);
  if (got.outcome == IoOutcome::error) error_number_ = ECONNRESET;
  return got;
}

IoResult Socket::send(Bytes from) noexcept {
  const IoResult put = sim::wires[this]->put_wire(from);
  if (put.outcome == IoOutcome::error) error_number_ = ECONNRESET;
  return put;
}

}  // namespace axonpush::inline v0::net
