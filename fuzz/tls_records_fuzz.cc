// TLS over memory: the library's stream on one side, OpenSSL as the server on the other, and the input decides what
// becomes of the records in between: whole, flipped, cut, doubled, swapped, dropped, made up; and when each side reads,
// writes, updates keys, sends tickets or ends. Traps when
//   - plaintext comes out that is not the beginning of what the server wrote, or the server gets other than was sent;
//   - an end is called orderly although the server's close_notify did not come behind everything it wrote;
//   - an error is not told again by the next call, or has no code;
//   - another connection's entry in the thread's error queue changes what happens;
//   - a call does not come to its end.
#include <axonpush/net/tls.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "choices.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"
#include "support/certificates.h"
#include "support/memory_socket.h"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  __builtin_trap();
}

}  // namespace

namespace {

using namespace axonpush;       // NOLINT
using namespace axonpush::net;  // NOLINT
using fuzz::Choices;
using test::wire;

constexpr unsigned kStepsMax = 200;
constexpr std::size_t kRecordHeaderBytes = 5;

// Made once: the authority, the server's context and the client's two.
struct Parties {
  Parties()
      : authority({.common_name = "fuzz authority", .authority = true}),
        leaf({.common_name = "localhost"}, &authority),
        context({.ca_pem = authority.pem()}),
        thrifty({.ca_pem = authority.pem(), .low_memory = true}) {
    server = SSL_CTX_new(TLS_server_method());
    require(context.status().ok() && thrifty.status().ok() && server != nullptr &&
                SSL_CTX_use_certificate(server, leaf.x509()) == 1 && SSL_CTX_use_PrivateKey(server, leaf.key()) == 1 &&
                SSL_CTX_set_session_id_context(server, reinterpret_cast<const unsigned char*>("fuzz"), 4) == 1,
            "the setup");
    require(name.assign("localhost").ok(), "the name");
  }
  test::Certificate authority;
  test::Certificate leaf;
  TlsContext context;
  TlsContext thrifty;
  SSL_CTX* server = nullptr;
  PeerName name;
};

class Harness {
 public:
  Harness(Parties& parties, const std::uint8_t* data, std::size_t size) : parties_(parties), choices_({data, size}) {}
  ~Harness() { SSL_free(server_); }

  void run() {
    const std::uint8_t bits = choices_.byte();
    TlsSessions sessions;
    if ((bits & 1) != 0) {
      // A connection before this one, so that this one resumes.
      begin(bits);
      Socket socket;
      TlsStream stream(socket, buffers_);
      require(stream.open(*context(bits).impl(), parties_.name, 443, sessions).ok(), "open");
      for (int turn = 0; turn < 6 && stream.handshake() != IoOutcome::ok; ++turn) exchange_all();
      exchange_all();
      std::uint8_t byte[1];
      stream.readable();
      static_cast<void>(stream.recv(byte));
      SSL_free(server_);
    }
    begin(bits);
    Socket socket;
    TlsStream stream(socket, buffers_);
    stream_ = &stream;
    require(stream.open(*context(bits).impl(), parties_.name, 443, sessions).ok(), "open");
    if ((bits & 2) != 0) {
      for (int turn = 0; turn < 6 && handshake() == IoOutcome::would_block; ++turn) exchange_all();
      require(done_, "a handshake nobody disturbs");
    }
    unsigned steps = 0;
    while (!choices_.empty() && ++steps < kStepsMax) step();
  }

 private:
  TlsContext& context(std::uint8_t bits) { return (bits & 4) != 0 ? parties_.thrifty : parties_.context; }

  void begin(std::uint8_t bits) {
    wire = test::Wire{};
    server_ready_ = false;
    pending_.clear();
    records_.clear();
    server_received_.clear();
    server_ = SSL_new(parties_.server);
    SSL_set_max_proto_version(server_, (bits & 8) != 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
    to_server_ = BIO_new(BIO_s_mem());
    from_server_ = BIO_new(BIO_s_mem());
    SSL_set_bio(server_, to_server_, from_server_);
    SSL_set_accept_state(server_);
  }

  // Everything either side has said reaches the other.
  void exchange_all() {
    server_turn();
    for (; !records_.empty(); records_.pop_front()) wire.arrived += records_.front();
    if (stream_ != nullptr) stream_->readable();
  }

  // The server reads what was sent, answers, and its records are taken apart.
  void server_turn() {
    if (!wire.sent.empty()) BIO_write(to_server_, wire.sent.data(), static_cast<int>(wire.sent.size()));
    wire.sent.clear();
    char text[4'096];
    for (int got = 1; got > 0;) {
      if (!server_ready_) {
        got = SSL_do_handshake(server_);
        server_ready_ = got == 1;
        continue;
      }
      got = SSL_read(server_, text, sizeof text);
      if (got > 0) server_received_.append(text, static_cast<std::size_t>(got));
    }
    require((client_sent_ + unsent_).starts_with(server_received_), "the server got something else");
    collect();
    ERR_clear_error();
  }
  void collect() {
    for (int got = 1; got > 0;) {
      char text[4'096];
      got = BIO_read(from_server_, text, sizeof text);
      if (got > 0) pending_.append(text, static_cast<std::size_t>(got));
    }
    while (pending_.size() >= kRecordHeaderBytes) {
      const std::size_t size =
          kRecordHeaderBytes + (static_cast<std::size_t>(static_cast<unsigned char>(pending_[3])) << 8 |
                                static_cast<unsigned char>(pending_[4]));
      if (pending_.size() < size) return;
      records_.push_back(pending_.substr(0, size));
      pending_.erase(0, size);
    }
  }

  // --- The client's calls, each with somebody else's failure in the thread's queue
  void soil() { ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR); }

  IoOutcome handshake() {
    soil();
    const IoOutcome outcome = stream_->handshake();
    if (outcome == IoOutcome::ok && !done_) {
      done_ = true;
      static_cast<void>(stream_->take_proof());
    }
    judge(outcome);
    return outcome;
  }
  void judge(IoOutcome outcome) {
    require(!failed_ || outcome == IoOutcome::error, "an error is told once only");
    if (outcome != IoOutcome::error) return;
    failed_ = true;
    require(static_cast<bool>(stream_->error()), "an error without a code");
    require(stream_->error().code() != Errc::internal, "somebody else's failure is told");
  }
  void receive() {
    std::uint8_t into[1'500];
    soil();
    const IoResult got = stream_->recv(MutableBytes(into).first(1U + choices_.byte()));
    if (got.outcome == IoOutcome::ok) {
      client_received_.append(text_of(Bytes(into).first(got.size)));
      require(std::string_view(server_sent_).starts_with(client_received_), "plaintext the server did not write");
      return;
    }
    if (got.outcome == IoOutcome::eof) {
      require(server_closed_ && client_received_ == server_sent_, "an end that is not orderly is called so");
    }
    judge(got.outcome);
  }
  // What the stream did not take is offered again, with more behind it.
  void send() {
    unsent_.append(choices_.byte() * std::size_t{20}, static_cast<char>('a' + client_sent_.size() % 26));
    soil();
    const IoResult put = stream_->send(bytes_of(unsent_));
    judge(put.outcome);
    if (put.outcome != IoOutcome::ok) return;
    require(put.size <= unsent_.size(), "more sent than was offered");
    client_sent_.append(unsent_, 0, put.size);
    unsent_.erase(0, put.size);
  }

  // --- Steps
  void step() {
    const std::uint8_t choice = choices_.byte();
    switch (choice % 16) {
      case 0:
      case 1:
      case 2:
        server_turn();
        return pass(1U + (choice >> 4));
      case 3:
      case 4:
        return disturb(choice >> 4);
      case 5:
        if (!server_ready_ || server_closed_) return;
        server_write(choices_.byte() * std::size_t{(choice & 16) != 0 ? 80U : 1U});
        return;
      case 6:
        if (server_ready_ && !server_closed_)
          SSL_key_update(server_, SSL_KEY_UPDATE_REQUESTED), SSL_do_handshake(server_);
        return collect();
      case 7:
        if (server_ready_ && !server_closed_) SSL_new_session_ticket(server_), SSL_do_handshake(server_);
        return collect();
      case 8:
        if (server_ready_ && !server_closed_) server_closed_ = SSL_shutdown(server_) >= 0;
        return collect();
      case 9:
        wire.chunk = choice < 128 ? SIZE_MAX : 1U + choices_.byte();
        wire.room = choice < 192 ? SIZE_MAX : choices_.byte();
        return;
      case 10:
        if (choice >= 224) wire.eof = true;
        if (choice < 16) wire.failure = (choices_.byte() & 1) != 0 ? ECONNRESET : ENOBUFS;
        if (choice >= 16 && choice < 64 && wire.failure == ENOBUFS) wire.failure = 0;
        return;
      case 11:
        if (done_ && !shut_) send();
        return;
      case 12:
        if (!done_ || !unsent_.empty()) return;
        shut_ = true;
        soil();
        return judge(stream_->shutdown());
      default:
        stream_->readable();
        if (done_) return receive();
        static_cast<void>(handshake());
    }
  }

  void server_write(std::size_t size) {
    const std::string text(size, static_cast<char>('A' + server_sent_.size() % 26));
    const int put = text.empty() ? 0 : SSL_write(server_, text.data(), static_cast<int>(text.size()));
    if (put > 0) server_sent_.append(text, 0, static_cast<std::size_t>(put));
    collect();
  }

  void pass(std::size_t count) {
    for (; count != 0 && !records_.empty(); --count) {
      wire.arrived += records_.front();
      records_.pop_front();
    }
  }

  void disturb(unsigned how) {
    if (how == 15) {
      const std::string_view made_up = choices_.text();
      wire.arrived += made_up;
      return;
    }
    if (records_.empty()) return;
    std::string& first = records_.front();
    const std::size_t at = choices_.byte() * first.size() >> 8;
    switch (how % 6) {
      case 0:
      case 1:
        first[at] = static_cast<char>(first[at] ^ (1 << (how >> 1 & 7)));
        break;
      case 2:
        first.resize(at);
        break;
      case 3:
        wire.arrived += first;
        break;
      case 4:
        if (records_.size() > 1) std::swap(records_[0], records_[1]);
        break;
      default:
        records_.pop_front();
        return;
    }
    pass(1);
  }

  Parties& parties_;
  Choices choices_;
  BufferPool buffers_;
  TlsStream* stream_ = nullptr;
  SSL* server_ = nullptr;
  BIO* to_server_ = nullptr;
  BIO* from_server_ = nullptr;
  std::string pending_;
  std::deque<std::string> records_;
  std::string server_sent_;
  std::string server_received_;
  std::string client_sent_;
  std::string client_received_;
  std::string unsent_;
  bool done_ = false;
  bool failed_ = false;
  bool shut_ = false;
  bool server_ready_ = false;
  bool server_closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Parties parties;
  Harness(parties, data, size).run();
  ERR_clear_error();
  return 0;
}
