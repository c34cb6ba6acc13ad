// R-54 for OpenSSL: one TLS connection over memory, from the context to close_notify, once for each allocation that
// OpenSSL makes for the client's side, with that one failing. Each time the library answers with an error that has a
// code, or goes on as if nothing had been; nothing crashes, nothing is left behind, and the next connection works.
//
// A program of its own, because OpenSSL takes its allocator once, before anything else.
#include <axonpush/net/tls.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <cstdlib>

#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "support/certificates.h"
#include "support/memory_socket.h"

namespace {

using namespace axonpush;       // NOLINT
using namespace axonpush::net;  // NOLINT
using test::wire;

// --- OpenSSL's allocator

struct Heap {
  bool client = false;           // a call of the client's is on the stack
  std::uint64_t count = 0;       // the client's allocations
  std::uint64_t fail_at = 0;     // 0: none
  std::int64_t outstanding = 0;  // everybody's
};
Heap heap;

bool refused() { return heap.client && ++heap.count == heap.fail_at; }

void* take(std::size_t size, const char*, int) {
  if (size == 0 || refused()) return nullptr;
  ++heap.outstanding;
  return std::malloc(size);
}
void give_back(void* memory, const char*, int) {
  if (memory != nullptr) --heap.outstanding;
  std::free(memory);
}
void* resize(void* memory, std::size_t size, const char* file, int line) {
  if (memory == nullptr) return take(size, file, line);
  if (size == 0) {
    give_back(memory, file, line);
    return nullptr;
  }
  return refused() ? nullptr : std::realloc(memory, size);
}

// While one lives, what is called is the client's.
class AsClient {
 public:
  AsClient() { heap.client = true; }
  ~AsClient() { heap.client = false; }
  AsClient(const AsClient&) = delete;
  AsClient& operator=(const AsClient&) = delete;
};

// --- The server

class Server {
 public:
  Server(SSL_CTX* context, int version)
      : ssl_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
    SSL_set_max_proto_version(ssl_, version);
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_accept_state(ssl_);
    wire = test::Wire{};
  }
  ~Server() { SSL_free(ssl_); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Reads what the client sent, says back whatever it says, and its records go to the client.
  void turn() {
    if (!wire.sent.empty()) BIO_write(in_, wire.sent.data(), static_cast<int>(wire.sent.size()));
    wire.sent.clear();
    char text[4096];
    for (int got = 1; got > 0;) {
      if (SSL_is_init_finished(ssl_) == 0) {
        got = SSL_do_handshake(ssl_);
        continue;
      }
      got = SSL_read(ssl_, text, sizeof text);
      if (got > 0) SSL_write(ssl_, text, got);
    }
    for (int got = 1; got > 0;) {
      got = BIO_read(out_, text, sizeof text);
      if (got > 0) wire.arrived.append(text, static_cast<std::size_t>(got));
    }
    ERR_clear_error();
  }

 private:
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
};

struct Parties {
  test::Certificate authority{{.common_name = "heap authority", .authority = true}};
  test::Certificate leaf{{.common_name = "localhost"}, &authority};
  SSL_CTX* server = SSL_CTX_new(TLS_server_method());
  TlsOptions options{.ca_pem = authority.pem()};
  PeerName name;
};

enum class Outcome {
  worked,
  failed,
  broken
};

Outcome broken(const char* what) {
  std::fprintf(stderr, "allocation %llu: %s\n", static_cast<unsigned long long>(heap.fail_at), what);
  return Outcome::broken;
}
Outcome failed(const Error& error) { return error ? Outcome::failed : broken("an error without a code"); }

// Sends a text and reads it back.
Outcome echo(TlsStream& stream, Server& server, std::string_view text) {
  std::string back;
  std::size_t sent = 0;
  for (int turn = 0; turn < 10 && back.size() < text.size(); ++turn) {
    {
      const AsClient client;
      while (sent < text.size()) {
        const IoResult put = stream.send(bytes_of(text.substr(sent)));
        if (put.outcome == IoOutcome::error) return failed(stream.error());
        if (put.outcome != IoOutcome::ok) break;
        sent += put.size;
      }
    }
    server.turn();
    const AsClient client;
    stream.readable();
    for (;;) {
      std::uint8_t into[512];
      const IoResult got = stream.recv(into);
      if (got.outcome == IoOutcome::error) return failed(stream.error());
      if (got.outcome != IoOutcome::ok) break;
      back.append(text_of(Bytes(into).first(got.size)));
    }
  }
  return back == text ? Outcome::worked : broken("the text did not come back whole");
}

// One connection. Without a failing allocation it has to work.
Outcome connect(Parties& parties, const TlsContext& context, TlsSessions& sessions, int version) {
  BufferPool buffers;
  Server server(parties.server, version);
  Socket socket;
  TlsStream stream(socket, buffers);
  {
    const AsClient client;
    const Status opened = stream.open(*context.impl(), parties.name, 443, sessions);
    if (!opened.ok()) return failed(opened.error());
  }
  IoOutcome outcome = IoOutcome::would_block;
  for (int turn = 0; turn < 10 && outcome == IoOutcome::would_block; ++turn) {
    {
      const AsClient client;
      stream.readable();
      outcome = stream.handshake();
    }
    server.turn();
  }
  if (outcome == IoOutcome::error) return failed(stream.error());
  if (outcome != IoOutcome::ok) return broken("the handshake does not end");
  static_cast<void>(stream.take_proof());
  const std::string large(40'000, 'x');
  for (const std::string_view text : {std::string_view("hello"), std::string_view(large), std::string_view("bye")}) {
    const Outcome echoed = echo(stream, server, text);
    if (echoed != Outcome::worked) return echoed;
  }
  const AsClient client;
  return stream.shutdown() == IoOutcome::error ? failed(stream.error()) : Outcome::worked;
}

// The context, a connection, and another that resumes the first one's session.
Outcome run(Parties& parties, int version) {
  heap.client = true;
  const TlsContext context(parties.options);
  heap.client = false;
  if (!context.status().ok()) return failed(context.status().error());
  TlsSessions sessions;
  for (int times = 0; times < 2; ++times) {
    const Outcome outcome = connect(parties, context, sessions, version);
    if (outcome != Outcome::worked) return outcome;
  }
  return Outcome::worked;
}

// One run with the k-th allocation failing.
Outcome run_failing(Parties& parties, int version, std::uint64_t kth) {
  heap.fail_at = kth;
  heap.count = 0;
  const Outcome outcome = run(parties, version);
  heap.fail_at = 0;
  ERR_clear_error();
  return outcome;
}

bool sweep(Parties& parties, int version, const char* name) {
  // Twice without a failure: what OpenSSL makes once and keeps is made.
  for (int times = 0; times < 2; ++times) {
    if (run_failing(parties, version, 0) != Outcome::worked) return false;
  }
  const std::uint64_t all = heap.count;
  std::uint64_t errors = 0;
  for (std::uint64_t kth = 1; kth <= all; ++kth) {
    // What an error makes for the first time OpenSSL keeps as well; what a second run leaves behind again is a leak.
    for (int times = 0;; ++times) {
      const std::int64_t before = heap.outstanding;
      const Outcome outcome = run_failing(parties, version, kth);
      if (outcome == Outcome::broken) return false;
      if (times == 0 && outcome == Outcome::failed) ++errors;
      if (heap.outstanding <= before) break;
      if (times == 0) continue;
      std::fprintf(stderr, "allocation %llu: blocks are left behind\n", static_cast<unsigned long long>(kth));
      return false;
    }
  }
  std::printf("%s: %llu allocations of OpenSSL failed, one at a time: %llu times an error, else no harm; no leak\n",
              name, static_cast<unsigned long long>(all), static_cast<unsigned long long>(errors));
  // With no more than that, the sweep would fail nothing.
  return run_failing(parties, version, 0) == Outcome::worked && all > 500 && errors > all / 4;
}

}  // namespace

int main() {
  if (CRYPTO_set_mem_functions(&take, &resize, &give_back) != 1) {
    std::fputs("OpenSSL has allocated already\n", stderr);
    return 1;
  }
  Parties parties;
  const bool ready =
      parties.name.assign("localhost").ok() && SSL_CTX_use_certificate(parties.server, parties.leaf.x509()) == 1 &&
      SSL_CTX_use_PrivateKey(parties.server, parties.leaf.key()) == 1 &&
      SSL_CTX_set_session_id_context(parties.server, reinterpret_cast<const unsigned char*>("heap"), 4) == 1;
  const bool good = ready && sweep(parties, TLS1_3_VERSION, "TLS 1.3") && sweep(parties, TLS1_2_VERSION, "TLS 1.2");
  SSL_CTX_free(parties.server);
  return good ? 0 : 1;
}
