// What TLS meets seldom: calls that are made once more, directions that wait for each other, failures behind the peer's
// farewell, certificates and directories at the edge of what is used.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "net/tls_client.h"
#include "net/tls_context.h"
#include "net/tls_error.h"
#if defined(__linux__)
#include "net/wrapped.h"
#endif

namespace axonpush::net::test {
namespace {

using axonpush::test::KeyKind;
using axonpush::test::TemporaryFile;
using TlsCorners = TlsTest;

// --- The stream by itself

class Streams : public TlsTest {
 protected:
  // A stream over a socket of its own, open and not shaken hands with yet.
  void open(const TlsContext& tls) {
    IpAddress address;
    ASSERT_TRUE(IpAddress::parse("127.0.0.1", address));
    Result<Socket> made = Socket::connect(address, listening.port());
    ASSERT_TRUE(made.ok());
    socket = std::move(*made);
    ASSERT_TRUE(name.assign("localhost").ok());
    ASSERT_TRUE(stream.open(*tls.impl(), name, listening.port(), sessions).ok());
  }
  IoOutcome shake() {
    IoOutcome outcome = IoOutcome::would_block;
    for (int turns = 0; turns < kTurnsMax && outcome == IoOutcome::would_block; ++turns) {
      step();
      stream.readable();
      outcome = stream.handshake();
    }
    return outcome;
  }

  BufferPool buffers;
  TlsSessions sessions;
  PeerName name;
  Socket socket;
  TlsStream stream{socket, buffers};
};

TEST_F(Streams, AnswerAHandshakeThatIsOverAsBefore) {
  serve_good();
  const TlsContext tls(trusting());
  open(tls);
  ASSERT_EQ(shake(), IoOutcome::ok);
  EXPECT_EQ(stream.handshake(), IoOutcome::ok);
  static_cast<void>(stream.take_proof());
  EXPECT_EQ(stream.recv({}).outcome, IoOutcome::would_block);
  EXPECT_EQ(stream.send({}).outcome, IoOutcome::would_block);
  EXPECT_EQ(stream.shutdown(), IoOutcome::ok);
}

TEST_F(Streams, AnswerAHandshakeThatFailedAsBefore) {
  serve({.chain = {&leaf}});
  const Certificate stranger({.common_name = "stranger", .authority = true});
  TlsOptions options;
  options.ca_pem = stranger.pem();
  const TlsContext tls(options);
  open(tls);
  ASSERT_EQ(shake(), IoOutcome::error);
  EXPECT_EQ(stream.error().code(), Errc::tls_verify);
  EXPECT_EQ(stream.handshake(), IoOutcome::error);
  EXPECT_EQ(stream.error().code(), Errc::tls_verify);
}

// OpenSSL's cryptography complains without libssl's saying what that means.
TEST(TlsErrors, OfTheCryptographyAloneAreErrorsOfTls) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
  const Error error = take_tls_error(nullptr);
  EXPECT_EQ(error.code(), Errc::tls_protocol);
  EXPECT_EQ(error.what(), "TLS failed in its cryptography");
  EXPECT_EQ(error.number(), static_cast<std::uint32_t>(EVP_R_BAD_DECRYPT));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST_F(TlsCorners, AConnectionEndsOnceHoweverOftenItIsShutDown) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  for (int times = 0; times < 3; ++times) EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok);
  ASSERT_TRUE(turn(end, [&] { return peer->got_close_notify() && peer->raw().at_end(); }));
  peer->send("what was under way");
  peer->step();
  ASSERT_TRUE(turn(end, [&] { return side.received == "what was under way"; }));
}

#if defined(__linux__)

using axonpush::test::Call;
using axonpush::test::FailCalls;

// A key update of ours stands still, and OpenSSL reads nothing before it has gone.
TEST_F(TlsCorners, AReadBehindAKeyUpdateThatFoundNoRoomIsWokenByWriting) {
  for (const bool also_writes : {false, true}) {
    serve_good();
    ClientEnd end(trusting());
    ClientSide side;
    connect_well(end, side);
    ASSERT_EQ(SSL_key_update(peer->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    peer->send("please");
    ASSERT_TRUE(turn(end, [&] { return side.received == "please"; }));
    {
      const FailCalls full(Call::send, 1, EAGAIN, 1'000'000);
      side.send("with new keys");
      EXPECT_EQ(side.unsent, "with new keys");
      side.transport->interest({.read = true, .write = also_writes});
      peer->send("news");
      peer->step();
      for (int turns = 0; turns < 20; ++turns) end.reactor.poll();
      EXPECT_EQ(side.received, "please") << "the key update comes first";
    }
    ASSERT_TRUE(turn(end, [&] { return side.received == "pleasenews"; }));
    side.flush();
    ASSERT_TRUE(turn(end, [&] { return peer->received == "with new keys"; }));
    EXPECT_FALSE(side.failed);
  }
}

TEST_F(TlsCorners, AWriteThatFailsBehindThePeersCloseNotifyIsALostConnection) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->close_notify();
  ASSERT_TRUE(turn(end, [&] { return side.ended; }));
  const FailCalls gone(Call::send, 1, EPIPE);
  EXPECT_EQ(side.transport->send(bytes_of("too late")).outcome, IoOutcome::error);
  EXPECT_EQ(side.transport->error().code(), Errc::connection_lost);
  EXPECT_EQ(side.transport->error().number(), static_cast<std::uint32_t>(EPIPE));
}

#endif

// --- Certificates

TEST_F(TlsCorners, ACertificateThatNamesNoUseIsGoodForSignatures) {
  const Certificate plain({.common_name = "plain", .dropped = {"keyUsage", "extendedKeyUsage"}}, &root);
  serve({.chain = {&plain}});
  ClientEnd end(trusting());
  ClientSide side;
  connect(end, side);
  EXPECT_FALSE(side.failed) << side.error.what();
}

TEST_F(TlsCorners, OnlyTheFeatureOfAStatusDemandsOne) {  // RFC 7633
  struct Row {
    const char* features;
    const char* words;
  };
  const Row rows[] = {{"status_request_v2", ""},
                      {"status_request,status_request_v2", "the certificate demands a stapled status, and none came"}};
  for (const Row& row : rows) {
    const Certificate promising({.common_name = "leaf", .extensions = {{"tlsfeature", row.features}}}, &root);
    serve({.chain = {&promising}});
    TlsOptions options = trusting();
    options.require_ocsp_staple = true;
    ClientEnd end(options);
    ClientSide side;
    connect(end, side);
    EXPECT_EQ(side.error.what(), row.words);
  }
}

TEST_F(TlsCorners, AClientCertificateOrKeyThatOpensslDoesNotTakeIsRefused) {
  const auto words = [this](const std::string& chain, const std::string& key) {
    const TemporaryFile chain_file(chain);
    const TemporaryFile key_file(key);
    TlsOptions options = trusting();
    options.client_certificate_file = chain_file.path();
    options.client_key_file = key_file.path();
    const TlsContext tls(options);
    return std::string(tls.status().error().what());
  };
  const Certificate weak({.common_name = "weak", .key = KeyKind::rsa1024}, &root);
  EXPECT_EQ(words(weak.pem(), weak.key_pem()), "the client certificate cannot be used");
  const Certificate other_kind({.common_name = "rsa", .key = KeyKind::rsa2048}, &root);
  EXPECT_EQ(words(leaf.pem(), other_kind.key_pem()),
            "the client key cannot be read, or belongs to another certificate");
}

// --- What the system trusts

class SystemStores : public TlsTest {
 protected:
  SystemStores() : folder_(std::filesystem::temp_directory_path() / ("axonpush_store_" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
    ::setenv("SSL_CERT_FILE", "/nonexistent", 1);
    ::setenv("SSL_CERT_DIR", folder_.c_str(), 1);
  }
  ~SystemStores() override {
    std::filesystem::remove_all(folder_);
    ::unsetenv("SSL_CERT_FILE");
    ::unsetenv("SSL_CERT_DIR");
  }
  void put(const std::string& file, const std::string& text) const { std::ofstream(folder_ / file) << text; }
  [[nodiscard]] static std::string words() { return std::string(TlsContext(TlsOptions{}).status().error().what()); }

  static constexpr const char* kNobody =
      "the system has no trusted certificates; install ca-certificates or give a ca_file";

 private:
  std::filesystem::path folder_;
};

TEST_F(SystemStores, AreReadByTheirHashedNamesOnly) {
  for (const char* wrong :
       {"0123abcg.0", "0123ABCD.0", "0123abcd.x", "0123abcd.0x", "0123abcd.", "root.pem", "0123abcd-0"}) {
    put(wrong, root.pem());
  }
  EXPECT_EQ(words(), kNobody);
  put("89abcdef.0", "no certificate: one authority less");
  EXPECT_EQ(words(), kNobody);
  put("0123abcd.17", root.pem());
  EXPECT_EQ(words(), "");
  serve_good();
  ClientEnd end(TlsOptions{});
  ClientSide side;
  connect(end, side);
  EXPECT_FALSE(side.failed) << side.error.what();
}

TEST_F(SystemStores, ThatDoNotExistTrustNobody) {
  ::setenv("SSL_CERT_DIR", "/nonexistent", 1);
  EXPECT_EQ(words(), kNobody);
}

// What this machine trusts is its own matter, but it is asked.
TEST_F(SystemStores, AreWhereOpensslSaysWithoutVariables) {
  ::unsetenv("SSL_CERT_FILE");
  ::setenv("SSL_CERT_DIR", "", 1);
  const std::string said = words();
  EXPECT_TRUE(said.empty() || said == kNobody) << said;
}

}  // namespace
}  // namespace axonpush::net::test
