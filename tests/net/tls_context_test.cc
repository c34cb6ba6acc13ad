// FAULTS 3.1 line by line: what a TlsContext is made of, and what it refuses to be made of; pins, client certificates,
// ALPN, staples; and what no environment can lower.
#include <axonpush/client.h>

#include <openssl/ocsp.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <type_traits>

#include "net/tls_client.h"
#include "net/tls_context.h"
#include "support/paths.h"

extern "C" char** environ;

namespace axonpush::net::test {
namespace {

using axonpush::test::KeyKind;
using axonpush::test::TemporaryFile;
using TlsContexts = TlsTest;

// Without the proof no writer of secrets can be called; nobody can make one up, copy one, or use one twice.
static_assert(!std::is_default_constructible_v<TlsVerified>);
static_assert(!std::is_copy_constructible_v<TlsVerified>);
static_assert(!std::is_copy_assignable_v<TlsVerified>);
static_assert(!std::is_aggregate_v<TlsVerified>);
static_assert(std::is_move_constructible_v<TlsVerified>);
static_assert(!std::is_invocable_v<decltype(&ConnectionSink::on_open), ConnectionSink&, ConnectionId, Transport&>);

// --- Policy

TEST_F(TlsContexts, AreSetUpAsTheRulesSay) {
  for (const bool low_memory : {false, true}) {
    TlsOptions options = trusting();
    options.low_memory = low_memory;
    const TlsContext tls(options);
    ASSERT_TRUE(tls.status().ok());
    SSL_CTX* made = tls.impl()->context;
    EXPECT_EQ(SSL_CTX_get_verify_mode(made), SSL_VERIFY_PEER);
    EXPECT_EQ(SSL_CTX_get_verify_callback(made), nullptr);
    EXPECT_EQ(SSL_CTX_get_min_proto_version(made), TLS1_2_VERSION);
    EXPECT_EQ(SSL_CTX_get_max_proto_version(made), 0);
    EXPECT_EQ(SSL_CTX_get_security_level(made), 2);
    const auto set = SSL_CTX_get_options(made);
    EXPECT_NE(set & SSL_OP_NO_COMPRESSION, 0U);
    EXPECT_NE(set & SSL_OP_NO_RENEGOTIATION, 0U);
    EXPECT_EQ(set & SSL_OP_IGNORE_UNEXPECTED_EOF, 0U);
    EXPECT_EQ(set & SSL_OP_LEGACY_SERVER_CONNECT, 0U);
    const long mode = SSL_CTX_get_mode(made);
    EXPECT_NE(mode & SSL_MODE_ENABLE_PARTIAL_WRITE, 0);
    EXPECT_NE(mode & SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, 0);
    EXPECT_EQ(mode & SSL_MODE_AUTO_RETRY, 0);
    EXPECT_EQ((mode & SSL_MODE_RELEASE_BUFFERS) != 0, low_memory);
    EXPECT_EQ(SSL_CTX_get_read_ahead(made), 0);
    EXPECT_EQ(SSL_CTX_get_max_early_data(made), 0U);
    EXPECT_EQ(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(made))), 1);
    STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(made);
    for (int index = 0; index < sk_SSL_CIPHER_num(ciphers); ++index) {
      const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, index);
      EXPECT_EQ(SSL_CIPHER_is_aead(cipher), 1) << SSL_CIPHER_get_name(cipher);
      const int exchange = SSL_CIPHER_get_kx_nid(cipher);
      EXPECT_TRUE(exchange == NID_kx_ecdhe || exchange == NID_kx_any) << SSL_CIPHER_get_name(cipher);
    }
  }
}

// --- Trust

TEST_F(TlsContexts, WithoutTrustAreNotMade) {
  const std::string good = root.pem();
  const TemporaryFile empty("");
  const TemporaryFile garbage("this is no certificate");
  const TemporaryFile cut(good.substr(0, good.size() / 2));
  const TemporaryFile damaged(good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const TemporaryFile key(root.key_pem());
  struct Row {
    const char* what;
    TlsOptions options;
    const char* reason;
  };
  const auto file = [](const std::string& path) {
    TlsOptions options;
    options.ca_file = path;
    return options;
  };
  const auto text = [](const std::string& pem) {
    TlsOptions options;
    options.ca_pem = pem;
    return options;
  };
  const Row rows[] = {
      {"missing", file("/nonexistent/ca.pem"), "a certificate or key file cannot be opened"},
      {"a directory", file("/"), "a certificate or key file is no regular file"},
      {"empty", file(empty.path()), "a certificate or key file is empty"},
      {"garbage", file(garbage.path()), "there is no certificate among the trusted ones"},
      {"a key", file(key.path()), "there is no certificate among the trusted ones"},
      {"cut", file(cut.path()), "a trusted certificate is damaged"},
      {"one good, one damaged", file(damaged.path()), "a trusted certificate is damaged"},
      {"garbage text", text("no PEM at all"), "there is no certificate among the trusted ones"},
  };
  for (const Row& row : rows) {
    TlsContext tls(row.options);
    ASSERT_FALSE(tls.status().ok()) << row.what;
    EXPECT_EQ(tls.status().error().code(), Errc::invalid_argument) << row.what;
    EXPECT_EQ(tls.status().error().what(), row.reason) << row.what;
    // mosquitto 2.0.9: the first failure was told, and the second connection went out without any check.
    Reactor reactor;
    Host* host = make_reactor_host(reactor, tls);
    ClientSide side;
    for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
      const Status opened = host->connector().open(
          {.host = "localhost", .port = listening.port(), .connect_address = "127.0.0.1"}, ConnectionId{attempt}, side);
      EXPECT_EQ(opened.error().what(), row.reason);
    }
    destroy_reactor_host(host);
    ClientOptions options;
    options.api_key = "ak_0123";
    options.tenant_id = "org";
    options.read_environment = false;
    Client client(reactor, tls, std::move(options));
    EXPECT_EQ(client.error().what(), row.reason);
    for (int attempt = 0; attempt < 3; ++attempt) {
      EXPECT_EQ(client.connect_realtime({}, [](const Result<Realtime>&) {}).error().what(), row.reason);
    }
  }
  EXPECT_EQ(listening.accept(), -1) << "somebody was dialled";
}

TEST_F(TlsContexts, AnUnreadableFileIsRefused) {
  const TemporaryFile file(root.pem());
  ASSERT_EQ(::chmod(file.path().c_str(), 0), 0);
  if (::access(file.path().c_str(), R_OK) == 0) GTEST_SKIP() << "this user reads everything";
  TlsOptions options;
  options.ca_file = file.path();
  EXPECT_EQ(TlsContext(options).status().error().what(), "a certificate or key file cannot be opened");
}

TEST_F(TlsContexts, BothTheFileAndTheTextAreTrusted) {
  const Certificate other({.common_name = "other root", .authority = true});
  const TemporaryFile file(other.pem());
  TlsOptions options = trusting();
  options.ca_file = file.path();
  serve_good();
  ClientEnd end(options);
  ClientSide side;
  connect(end, side);
  EXPECT_FALSE(side.failed) << side.error.what();
}

// --- Pins

SpkiPin pin_of(const Certificate& certificate) {
  SpkiPin pin;
  std::memcpy(pin.sha256, certificate.spki_sha256().data(), sizeof pin.sha256);
  return pin;
}

TEST_F(TlsContexts, PinsAreHeldInAdditionToTheChain) {
  serve_good();
  const Certificate stranger({.common_name = "stranger", .authority = true});
  const Certificate self_signed({.common_name = "localhost"});
  struct Row {
    const char* what;
    std::vector<SpkiPin> pins;
    bool accepted;
  };
  const Row rows[] = {{"the leaf's", {pin_of(stranger), pin_of(leaf)}, true},
                      {"the root's", {pin_of(root), pin_of(stranger)}, true},
                      {"strangers'", {pin_of(stranger), pin_of(self_signed)}, false}};
  for (const Row& row : rows) {
    TlsOptions options = trusting();
    for (const SpkiPin& pin : row.pins) ASSERT_TRUE(options.pins.push_back(pin));
    ClientEnd end(options);
    for (int connection = 0; connection < 3; ++connection) {
      ClientSide side;
      if (row.accepted) {
        connect_well(end, side);
        EXPECT_EQ(side.resumed, connection != 0);
      } else {
        connect(end, side);
        EXPECT_EQ(side.error.code(), Errc::tls_verify);
        EXPECT_EQ(side.error.what(), "no key of the certificate's chain is among the pinned ones");
      }
      end.close(side);
    }
  }
  // A pin does not make up for a chain.
  serve({.chain = {&self_signed}});
  TlsOptions options = trusting();
  ASSERT_TRUE(options.pins.push_back(pin_of(self_signed)) && options.pins.push_back(pin_of(root)));
  ClientEnd end(options);
  ClientSide side;
  connect(end, side);
  EXPECT_EQ(side.error.what(), "the certificate is self-signed");
}

TEST_F(TlsContexts, ASinglePinIsRefused) {
  TlsOptions options = trusting();
  ASSERT_TRUE(options.pins.push_back(pin_of(root)));
  EXPECT_EQ(TlsContext(options).status().error().what(), "a single pin cannot be rotated: give two or none");
}

// --- Client certificates

TEST_F(TlsContexts, AClientCertificateIsShownToWhoAsks) {
  const Certificate own({.common_name = "client", .extensions = {{"extendedKeyUsage", "clientAuth"}}}, &root);
  const TemporaryFile ca(root.pem());
  const TemporaryFile certificate(own.pem());
  const TemporaryFile key(own.key_pem());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    serve({.chain = {&leaf}, .version_max = version, .client_ca = ca.path().c_str()});
    TlsOptions options = trusting();
    options.client_certificate_file = certificate.path();
    options.client_key_file = key.path();
    ClientEnd end(options);
    ClientSide side;
    connect_well(end, side);
    X509* shown = SSL_get0_peer_certificate(peer->ssl());
    ASSERT_NE(shown, nullptr);
    EXPECT_EQ(X509_cmp(shown, own.x509()), 0);
    // Without one the server says so: in TLS 1.3 only behind our side of the handshake.
    ClientEnd bare(trusting());
    ClientSide refused;
    connect(bare, refused);
    ASSERT_TRUE(turn(bare, [&] { return refused.failed; }));
    EXPECT_EQ(refused.error.code(), Errc::tls_protocol);
    EXPECT_EQ(refused.error.what(), version == TLS1_3_VERSION
                                        ? "the server demands a client certificate"
                                        : "the server shares no cipher, group or signature with us");
  }
}

TEST_F(TlsContexts, AClientCertificateNeedsItsKey) {
  const Certificate own({.common_name = "client"}, &root);
  const TemporaryFile certificate(own.pem());
  const TemporaryFile key(own.key_pem());
  const TemporaryFile other(root.key_pem());
  const TemporaryFile garbage("no PEM");
  const auto words = [&](const std::string& certificate_path, const std::string& key_path) {
    TlsOptions options = trusting();
    options.client_certificate_file = certificate_path;
    options.client_key_file = key_path;
    const TlsContext tls(options);
    return tls.status().ok() ? std::string("fine") : std::string(tls.status().error().what());
  };
  EXPECT_EQ(words(certificate.path(), key.path()), "fine");
  EXPECT_EQ(words(certificate.path(), ""), "a client certificate needs its key, and a key its certificate");
  EXPECT_EQ(words("", key.path()), "a client certificate needs its key, and a key its certificate");
  EXPECT_EQ(words(certificate.path(), other.path()),
            "the client key cannot be read, or belongs to another certificate");
  EXPECT_EQ(words(certificate.path(), garbage.path()),
            "the client key cannot be read, or belongs to another certificate");
  EXPECT_EQ(words(garbage.path(), key.path()), "the client certificate cannot be used");
  EXPECT_EQ(words("/nonexistent/client.pem", key.path()), "a certificate or key file cannot be opened");
  EXPECT_EQ(words(certificate.path(), "/nonexistent/client.key"), "a certificate or key file cannot be opened");
  const TemporaryFile damaged(own.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_EQ(words(damaged.path(), key.path()), "the client certificate's chain is damaged");
}

TEST_F(TlsContexts, AClientCertificateIsShownWithItsChain) {  // RFC 8446 4.4.2
  const Certificate between({.common_name = "between", .authority = true}, &root);
  const Certificate own({.common_name = "client", .extensions = {{"extendedKeyUsage", "clientAuth"}}}, &between);
  const TemporaryFile ca(root.pem());
  const TemporaryFile chain(own.pem() + between.pem());
  const TemporaryFile key(own.key_pem());
  serve({.chain = {&leaf}, .client_ca = ca.path().c_str()});
  TlsOptions options = trusting();
  options.client_certificate_file = chain.path();
  options.client_key_file = key.path();
  ClientEnd end(options);
  ClientSide side;
  connect_well(end, side);  // the server knows the root alone
  ASSERT_NE(SSL_get_peer_cert_chain(peer->ssl()), nullptr);
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(peer->ssl())), 1) << "beside the leaf";
}

TEST_F(TlsContexts, AFileThatIsNoCertificatesSizeIsNotRead) {
  const TemporaryFile large(root.pem());
  ASSERT_EQ(::truncate(large.path().c_str(), 16 * 1024 * 1024 + 1), 0);
  TlsOptions options;
  options.ca_file = large.path();
  EXPECT_EQ(TlsContext(options).status().error().what(), "a certificate or key file is larger than 16 MiB");
  ASSERT_EQ(::truncate(large.path().c_str(), 16 * 1024 * 1024), 0);
  EXPECT_EQ(TlsContext(options).status().error().code(), Errc::none) << "what follows a certificate is no PEM";
}

// --- ALPN, staples, names

TEST_F(TlsContexts, OfferAnApplicationProtocolOnlyWhenAskedTo) {
  struct Row {
    bool offers;
    const char* chosen;
    bool accepted;
  };
  const Row rows[] = {{false, nullptr, true},
                      {false, "\x02h2", true},  // OpenSSL's server chooses nothing when nothing was offered
                      {true, nullptr, true},
                      {true, "\x08http/1.1", true},
                      {true, "\x02h2", false}};
  for (const Row& row : rows) {
    // The callback of the peer wants the bare name.
    serve({.chain = {&leaf}, .alpn = row.chosen == nullptr ? nullptr : row.chosen + 1});
    TlsOptions options = trusting();
    options.offer_alpn_http11 = row.offers;
    ClientEnd end(options);
    ClientSide side;
    connect(end, side);
    EXPECT_NE(side.failed, row.accepted) << side.error.what();
    if (side.failed) {
      // Newer releases of OpenSSL notice by themselves, older ones leave it to us.
      EXPECT_EQ(side.error.code(), Errc::tls_protocol);
      EXPECT_TRUE(side.error.what() == "the server sent an extension that cannot be right" ||
                  side.error.what() == "the server chose an application protocol that was not offered")
          << side.error.what();
      continue;
    }
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(peer->ssl(), &protocol, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(protocol), size),
              row.offers && row.chosen != nullptr ? "http/1.1" : "");
  }
}

TEST_F(TlsContexts, SendTheNameAndNeverAnAddress) {
  const Certificate both({.common_name = "leaf", .extensions = {{"subjectAltName", "DNS:localhost,IP:127.0.0.1"}}},
                         &root);
  serve({.chain = {&both}});
  ClientEnd end(trusting());
  for (const bool address : {false, true}) {
    ClientSide side;
    connect(end, side, address ? "127.0.0.1" : "localhost");
    ASSERT_FALSE(side.failed) << side.error.what();
    const char* sent = SSL_get_servername(peer->ssl(), TLSEXT_NAMETYPE_host_name);
    EXPECT_STREQ(sent, address ? nullptr : "localhost");
    end.close(side);
  }
  // a name that no certificate can prove is refused before anybody is dialled.
  for (const char* name : {"", ".", "a..b", "-a.test", "a-.test",
                           "b\xC3\xBC"
                           "cher.test",
                           "a_b.test", "a b", "*.test"}) {
    ClientSide side;
    EXPECT_EQ(end.open(side, name, listening.port()).error().code(), Errc::invalid_argument) << name;
  }
}

TEST_F(TlsContexts, MustStapleIsHeldWhenAskedFor)
{
  const Certificate promising({.common_name = "leaf", .extensions = {{"tlsfeature", "status_request"}}}, &root);
  for (const bool required : {false, true}) {
    for (const Certificate* shown : {&promising, static_cast<const Certificate*>(&leaf)}) {
      serve({.chain = {shown}});
      TlsOptions options = trusting();
      options.require_ocsp_staple = required;
      ClientEnd end(options);
      for (int connection = 0; connection < 3; ++connection) {
        ClientSide side;
        connect(end, side);
        const bool refused = required && shown == &promising;
        EXPECT_EQ(side.error.what(),
                  refused ? "the certificate demands a stapled status, and none came" : std::string_view());
        EXPECT_FALSE(required && side.resumed) << "a staple comes with a full handshake only";
        end.close(side);
      }
    }
  }
}

// An OCSP answer about `subject`, signed by `signer`.
std::vector<unsigned char> staple_for(const Certificate& subject, const Certificate& issuer, const Certificate& signer,
                                      int status, long age_seconds) {
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, subject.x509(), issuer.x509());
  ASN1_TIME* now = X509_gmtime_adj(nullptr, -age_seconds);
  ASN1_TIME* next = X509_gmtime_adj(nullptr, 3600 - age_seconds);
  OCSP_basic_add1_status(basic, id, status, OCSP_REVOKED_STATUS_KEYCOMPROMISE, now, now, next);
  OCSP_basic_sign(basic, signer.x509(), signer.key(), EVP_sha256(), nullptr, 0);
  OCSP_RESPONSE* response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* encoded = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &encoded);
  std::vector<unsigned char> bytes(encoded, encoded + size);
  OPENSSL_free(encoded);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(now);
  ASN1_TIME_free(next);
  return bytes;
}

// The answer of a responder that has none for now (RFC 6960 2.3).
std::vector<unsigned char> staple_put_off() {
  OCSP_RESPONSE* response = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr);
  unsigned char* encoded = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &encoded);
  std::vector<unsigned char> bytes(encoded, encoded + size);
  OPENSSL_free(encoded);
  OCSP_RESPONSE_free(response);
  return bytes;
}

// Nobody else vouches for a certificate that is trusted by itself.
TEST_F(TlsContexts, AStapleOfACertificateThatIsTrustedByItselfProvesNothing) {
  const Certificate alone({.common_name = "alone"});
  serve({.chain = {&alone}, .staple = staple_for(alone, alone, alone, V_OCSP_CERTSTATUS_GOOD, 60)});
  TlsOptions options;
  options.ca_pem = alone.pem();
  options.require_ocsp_staple = true;
  ClientEnd end(options);
  ClientSide side;
  connect(end, side);
  EXPECT_EQ(side.error.what(), "the certificate has no issuer that could vouch for its status");
}

TEST_F(TlsContexts, StaplesAreJudged)
{
  const Certificate stranger({.common_name = "test root", .authority = true});
  const Certificate other({.common_name = "other"}, &root);
  struct Row {
    std::vector<unsigned char> staple;
    const char* words;
  };
  const Row rows[] = {
      {staple_for(leaf, root, root, V_OCSP_CERTSTATUS_GOOD, 60), ""},
      {staple_for(leaf, root, root, V_OCSP_CERTSTATUS_REVOKED, 60), "the certificate was revoked"},
      {staple_for(leaf, root, root, V_OCSP_CERTSTATUS_UNKNOWN, 60), "the stapled status is unknown"},
      {staple_for(leaf, root, root, V_OCSP_CERTSTATUS_GOOD, 90'000), "the stapled status is out of date"},
      {staple_for(other, root, root, V_OCSP_CERTSTATUS_GOOD, 60), "the stapled status is about another certificate"},
      {staple_for(leaf, root, stranger, V_OCSP_CERTSTATUS_GOOD, 60),
       "the stapled status is not signed by the certificate's issuer"},
      {{'n', 'o'}, "the stapled status cannot be read"},
      {staple_put_off(), "the stapled status cannot be read"},
  };
  for (const Row& row : rows) {
    serve({.chain = {&leaf}, .staple = row.staple});
    TlsOptions options = trusting();
    options.require_ocsp_staple = true;
    ClientEnd end(options);
    ClientSide side;
    connect(end, side);
    EXPECT_EQ(side.error.what(), row.words);
  }
}

// --- What no environment can lower

class Probes : public TlsTest {
 protected:
  // The exit code of tls_probe with this environment, against the server of the test.
  int probe(const std::string& name, const TemporaryFile& trusted, const std::vector<std::string>& environment = {}) {
    const std::string program = axonpush::test::binary_dir() + "/tests/" + program_name;
    std::vector<std::string> words = {program, name, std::to_string(listening.port()), trusted.path(), "127.0.0.1"};
    std::vector<std::string> settings = environment;
    std::vector<char*> arguments;
    std::vector<char*> variables;
    for (std::string& word : words) arguments.push_back(word.data());
    for (std::string& setting : settings) variables.push_back(setting.data());
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), variables.data()) != 0) return -1;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      step();
      if (peer != nullptr && answers && peer->received.ends_with("\r\n\r\n")) {
        requests.push_back(std::exchange(peer->received, std::string()));
        peer->send("HTTP/1.1 204 No Content\r\n\r\n");
      }
      ::sched_yield();
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string program_name = "tls_probe";
  bool answers = true;
  bool looks_up = false;  // the name, in place of dialling 127.0.0.1
  std::vector<std::string> requests;
  TemporaryFile ca{root.pem()};
};

TEST_F(Probes, ExitWithZeroExactlyWhenAnAnswerCame) {
  serve_good();
  EXPECT_EQ(probe("localhost", ca), 0);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].substr(0, 16), "GET / HTTP/1.1\r\n");
  EXPECT_NE(requests[0].find("\r\nHost: localhost:" + std::to_string(listening.port()) + "\r\n"), std::string::npos);
  EXPECT_EQ(probe("other.test", ca), 1);
  const TemporaryFile other(Certificate({.common_name = "other root", .authority = true}).pem());
  EXPECT_EQ(probe("localhost", other), 1);
  EXPECT_EQ(probe("", ca), 2);
  // The handshake alone is not enough.
  answers = false;
  on_accept = [this] { peer->finish(); };
  EXPECT_EQ(probe("localhost", ca), 1);
  EXPECT_EQ(requests.size(), 1U);
}

TEST_F(Probes, AreNotLoweredByOpensslsConfiguration)
{
  const TemporaryFile lax(
      "openssl_conf = start\n[start]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n[lax]\nMinProtocol = TLSv1\n"
      "MaxProtocol = TLSv1.1\nCipherString = ALL:@SECLEVEL=0\nOptions = UnsafeLegacyRenegotiation\nVerifyMode = "
      "None\n");
  const std::vector<std::string> environment = {"OPENSSL_CONF=" + lax.path()};
  serve({.chain = {&leaf}, .version_min = TLS1_VERSION, .version_max = TLS1_1_VERSION});
  EXPECT_EQ(probe("localhost", ca, environment), 1);
  const Certificate weak({.common_name = "leaf", .key = KeyKind::rsa1024}, &root);
  serve({.chain = {&weak}});
  EXPECT_EQ(probe("localhost", ca, environment), 1);
  const Certificate other({.common_name = "leaf", .extensions = {{"subjectAltName", "DNS:other.test"}}}, &root);
  serve({.chain = {&other}});
  EXPECT_EQ(probe("localhost", ca, environment), 1);
  EXPECT_TRUE(requests.empty());
  // And what is fine is fine although the file wants TLS 1.1.
  serve_good();
  EXPECT_EQ(probe("localhost", ca, environment), 0);
}

TEST_F(Probes, TrustTheFileAloneWhateverTheEnvironmentSays) {
  serve_good();
  const TemporaryFile other(Certificate({.common_name = "other root", .authority = true}).pem());
  EXPECT_EQ(probe("localhost", other, {"SSL_CERT_FILE=" + ca.path()}), 1);
}

TEST_F(Probes, LookTheNameUpWithoutAnAddress) {
  serve_good();
  looks_up = true;
  EXPECT_EQ(probe("localhost", ca), 0);
}

#if defined(AXONPUSH_TEST_STATIC)

// glibc's own look-ups (files and dns) are in its static archive since 2.34; other services would need its shared
// libraries at run time.
TEST_F(Probes, WorkWhenTheyAreLinkedStatically) {
  program_name = "tls_probe_static";
  serve_good();
  EXPECT_EQ(probe("localhost", ca), 0);
  EXPECT_EQ(probe("other.test", ca), 1);
  looks_up = true;
  EXPECT_EQ(probe("localhost", ca), 0);
}

#endif

// A key log is a matter of the tests' programs: the library has none, which tidy_test looks for.
TEST_F(Probes, LogKeysWhereATestWantsThem) {
  serve_good();
  const TemporaryFile log("");
  EXPECT_EQ(probe("localhost", ca, {"SSLKEYLOGFILE=" + log.path()}), 0);
  std::FILE* file = std::fopen(log.path().c_str(), "r");
  ASSERT_NE(file, nullptr);
  char line[256] = {};
  EXPECT_NE(std::fgets(line, sizeof line, file), nullptr);
  std::fclose(file);
}

}  // namespace
}  // namespace axonpush::net::test
