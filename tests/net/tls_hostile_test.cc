// Servers that OpenSSL's own would never be: bytes made by hand, silence, dribble, floods within the handshake.
#include <openssl/ssl.h>

#include <array>
#include <map>

#include "net/tls_client.h"
#include "net/wrapped.h"

namespace axonpush::net::test {
namespace {

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xFF);
  return text;
}
std::string record(int type, int version, const std::string& content) {
  return number(static_cast<std::size_t>(type), 1) + number(static_cast<std::size_t>(version), 2) +
         number(content.size(), 2) + content;
}
std::string message(int type, const std::string& body) {
  return number(static_cast<std::size_t>(type), 1) + number(body.size(), 3) + body;
}

struct Hello {
  int version = 0x0303;
  int cipher = 0xC02B;  // ECDHE-ECDSA-AES128-GCM-SHA256
  int compression = 0;
  std::string extensions = std::string("\xFF\x01\x00\x01\x00", 5);  // renegotiation_info
};
std::string server_hello(const Hello& hello) {
  std::string body = number(static_cast<std::size_t>(hello.version), 2) + std::string(32, 'r') + number(0, 1) +
                     number(static_cast<std::size_t>(hello.cipher), 2) +
                     number(static_cast<std::size_t>(hello.compression), 1);
  if (!hello.extensions.empty()) body += number(hello.extensions.size(), 2) + hello.extensions;
  return record(22, hello.version, message(2, body));
}

class HostileServers : public TlsTest {
 protected:
  // The words of the refusal by a client whose server answers its hello with these bytes.
  Error answer(const std::string& bytes) {
    ClientEnd end(trusting());
    ClientSide side;
    EXPECT_TRUE(end.open(side, "localhost", listening.port()).ok());
    std::unique_ptr<RawPeer> raw;
    std::string heard;
    std::size_t sent = 0;
    const bool settled = turn_until(
        end.reactor,
        [&] {
          if (raw == nullptr) {
            const int accepted = listening.accept();
            if (accepted >= 0) raw = std::make_unique<RawPeer>(accepted);
            return;
          }
          heard += raw->read();
          if (!heard.empty() && sent < bytes.size()) sent += raw->write(std::string_view(bytes).substr(sent));
        },
        [&] { return side.settled(); });
    EXPECT_TRUE(settled);
    EXPECT_EQ(side.transport, nullptr) << "accepted";
    taken = sent;
    // What the client says to it: at most its hello and one alert.
    if (raw != nullptr) heard += raw->read();
    last_record_type = heard.size() >= 7 ? heard[heard.size() - 7] : 0;
    return side.error;
  }
  std::size_t taken = 0;
  char last_record_type = 0;
};

TEST_F(HostileServers, OldVersionsAreRefused)
{
  for (const int version : {0x0300, 0x0301, 0x0302}) {
    const Error error = answer(server_hello({.version = version}));
    EXPECT_EQ(error.code(), Errc::tls_protocol) << version;
    EXPECT_EQ(error.what(), "the server speaks no TLS version from 1.2 on") << version;
    EXPECT_EQ(last_record_type, 21) << "no alert went out";
  }
}

TEST_F(HostileServers, CiphersThatWereNotOfferedAreRefused)
{
  // NULL, export RC4, RC4, 3DES, DES, anonymous, static RSA with CBC and GCM, ECDHE with CBC, DHE, and none at all.
  for (const int cipher : {0x0001, 0x0003, 0x0005, 0x000A, 0x0009, 0x0034, 0x002F, 0x009C, 0xC013, 0x009E, 0xFFFF}) {
    const Error error = answer(server_hello({.cipher = cipher}));
    EXPECT_EQ(error.code(), Errc::tls_protocol) << std::hex << cipher;
    const bool known = error.what() == "the server chose a cipher that was not offered";
    EXPECT_TRUE(known || error.what() == "the server chose an unknown cipher") << std::hex << cipher << error.what();
  }
}

TEST_F(HostileServers, CompressionIsRefused)
{
  const Error error = answer(server_hello({.compression = 1}));
  EXPECT_EQ(error.code(), Errc::tls_protocol);
  EXPECT_EQ(error.what(), "the server chose compression, which was not offered") << error.number();
}

TEST_F(HostileServers, AnApplicationProtocolNobodyAskedForIsRefused)
{
  std::string h2("\xFF\x01\x00\x01\x00", 5);
  h2 += number(16, 2) + number(5, 2) + number(3, 2) + number(2, 1) + "h2";
  const Error error = answer(server_hello({.extensions = h2}));
  EXPECT_EQ(error.code(), Errc::tls_protocol);
  EXPECT_EQ(error.what(), "the server sent an extension that was not asked for");
}

TEST_F(HostileServers, OtherProtocolsAreNoTls) {
  for (const char* text : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example.com\r\n"}) {
    const Error error = answer(text);
    EXPECT_EQ(error.code(), Errc::tls_protocol) << text;
    EXPECT_EQ(error.what(), "the server does not speak TLS, or a version that is refused") << text;
  }
}

TEST_F(HostileServers, TooLargeIsRefusedBeforeItIsRead)
{
  const std::string filler(16'385, 'x');
  EXPECT_EQ(answer(record(22, 0x0303, filler)).what(), "a TLS record is too large");
  EXPECT_EQ(answer(number(22, 1) + number(0x0303, 2) + number(0xFFFF, 2)).what(), "a TLS record is too large");
  // A message that says it has 10 MB, and a chain that says it has 100 KiB.
  const std::string huge = number(2, 1) + number(10'000'000, 3);
  EXPECT_EQ(answer(record(22, 0x0303, huge)).what(), "a message of the handshake is too large");
  const std::string chain = number(11, 1) + number(100 * 1024, 3);
  EXPECT_EQ(answer(server_hello({}) + record(22, 0x0303, chain)).what(), "a message of the handshake is too large");
}

// HelloRequests are skipped by OpenSSL as often as they come.
TEST_F(HostileServers, AHandshakeHasOneLimitForEverything)
{
  std::string endless;
  for (int times = 0; times < 1'024; ++times) endless += message(0, "");
  std::string bytes;
  while (bytes.size() < 10'000'000) bytes += record(22, 0x0303, endless);
  const Error error = answer(bytes);
  EXPECT_EQ(error.code(), Errc::tls_protocol);
  EXPECT_EQ(error.what(), "the server's side of the handshake is larger than 64 KiB");
}

TEST_F(HostileServers, AChainOfManyCertificatesIsRefused)
{
  ServerSpec spec{.chain = {&leaf}};
  const Certificate other({.common_name = "one of many", .authority = true}, &root);
  while (spec.chain.size() < 300) spec.chain.push_back(&other);
  serve(spec);
  ClientEnd end(trusting());
  ClientSide side;
  connect(end, side);
  EXPECT_EQ(side.error.code(), Errc::tls_protocol);
  EXPECT_EQ(side.error.what(), "a message of the handshake is too large");
}

TEST_F(HostileServers, EveryAlertIsSurfaced)
{
  const std::map<int, std::string_view> told = {
      {40, "the server shares no cipher, group or signature with us"},
      {42, "the server refuses our certificate"},
      {45, "the server says that our certificate has expired"},
      {46, "the server refuses our certificate"},
      {48, "the server does not trust the issuer of our certificate"},
      {49, "the server denies access"},
      {51, "the server could not verify the handshake"},
      {70, "the server refuses the TLS versions from 1.2 on"},
      {71, "the server demands other ciphers"},
      {80, "the server failed inside TLS"},
      {112, "the server does not know this host name"},
      {116, "the server demands a client certificate"},
      {120, "the server shares no application protocol with us"},
  };
  for (int alert = 0; alert < 256; ++alert) {
    const Error error = answer(record(21, 0x0303, number(2, 1) + number(static_cast<std::size_t>(alert), 1)));
    EXPECT_EQ(error.code(), Errc::tls_protocol) << alert;
    EXPECT_EQ(error.number(), 1'000U + static_cast<unsigned>(alert));
    const auto words = told.find(alert);
    EXPECT_EQ(error.what(), words == told.end() ? "the server ended TLS with an alert" : words->second) << alert;
  }
}

TEST_F(HostileServers, GoodByeIsNoHandshake) {
  EXPECT_EQ(answer(record(21, 0x0303, number(1, 1) + number(0, 1))).what(),
            "the server closed TLS in the middle of the handshake");
}

// RFC 5746 3.4: without the indication the handshake could be spliced into another one.
TEST_F(HostileServers, AServerThatCannotRenegotiateSafelyIsRefused) {
  EXPECT_EQ(answer(server_hello({.extensions = {}})).what(), "the server cannot renegotiate safely (RFC 5746)");
}

// RFC 8446 4.1.3: somebody on the way took TLS 1.3 out of our hello.
TEST_F(HostileServers, ADowngradeIsNoticed) {
  std::string hello = server_hello({});
  hello.replace(5 + 4 + 2 + 24, 8, "DOWNGRD\x01");
  const Error error = answer(hello);
  EXPECT_EQ(error.what(), "somebody between us and the server lowered the TLS version");
  EXPECT_EQ(error.code(), Errc::tls_protocol);
}

TEST_F(HostileServers, TooManyWarningsAreRefused)
{
  std::string warnings;
  for (int times = 0; times < 50; ++times) warnings += record(21, 0x0303, number(1, 1) + number(112, 1));
  EXPECT_EQ(answer(warnings).what(), "too many TLS warnings");
}

TEST_F(HostileServers, ManyRecordsWithoutContentAreRefused)
{
  std::string nothing;
  for (int times = 0; times < 50; ++times) nothing += record(22, 0x0303, "");
  EXPECT_EQ(answer(nothing).what(), "too many TLS records without content");
}

#if defined(__linux__)

class SilentServers : public HostileServers {
 protected:
  axonpush::test::TestClock clock;

  // Connects and gives the server's end.
  std::unique_ptr<RawPeer> meet(ClientEnd& end, ClientSide& side, Duration handshake_timeout = seconds(10)) {
    EXPECT_TRUE(end.open(side, {.host = "localhost",
                                .port = listening.port(),
                                .connect_address = "127.0.0.1",
                                .handshake_timeout = handshake_timeout})
                    .ok());
    std::unique_ptr<RawPeer> raw;
    std::string heard;
    EXPECT_TRUE(turn_until(
        end.reactor,
        [&] {
          const int accepted = listening.accept();
          if (accepted >= 0) raw = std::make_unique<RawPeer>(accepted);
          if (raw != nullptr) heard += raw->read();
        },
        [&] { return !heard.empty(); }));
    return raw;
  }
};

TEST_F(SilentServers, HaveTenSecondsOrTheCallersTimeForTheWholeHandshake)
{
  for (const auto& [hello, wanted] : {std::pair(false, seconds(10)), std::pair(true, seconds(10)),
                                      std::pair(false, seconds(3)), std::pair(true, seconds(25))}) {
    ClientEnd end(trusting());
    ClientSide side;
    const auto raw = meet(end, side, wanted);
    if (hello) {
      const std::string bytes = server_hello({});
      ASSERT_EQ(raw->write(bytes), bytes.size());
    }
    clock.advance(wanted - milliseconds(1));
    for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
    EXPECT_FALSE(side.settled());
    clock.advance(milliseconds(1));
    end.reactor.poll();
    ASSERT_TRUE(side.failed);
    EXPECT_EQ(side.error.code(), Errc::connect_timeout);
    EXPECT_EQ(side.error.what(), "the TLS handshake was not finished in time");
    static_cast<void>(raw->read());
    EXPECT_TRUE(raw->at_end()) << "the socket is still open";
  }
}

TEST_F(SilentServers, GainNoTimeByADribble)
{
  ClientEnd end(trusting());
  ClientSide side;
  const auto raw = meet(end, side);
  const std::string bytes = server_hello({});
  for (std::size_t second = 0; second < 10; ++second) {
    ASSERT_FALSE(side.settled()) << second;
    ASSERT_EQ(raw->write(bytes.substr(second, 1)), 1U);
    end.reactor.poll();
    clock.advance(seconds(1));
  }
  end.reactor.poll();
  ASSERT_TRUE(side.failed);
  EXPECT_EQ(side.error.code(), Errc::connect_timeout);
}

#endif

}  // namespace
}  // namespace axonpush::net::test
