// BAD_INPUTS 2, as far as the judgement of header fields decides; heads themselves are judged by http.
#include <axonpush/ws/handshake.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/guarded_bytes.h"
#include "ws/sha1.h"

namespace axonpush::ws {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::string_view kOffered = "mqtt, mqttv5.0";

using Headers = std::vector<HeaderView>;

Headers good_response() {
  return {{"Upgrade", "websocket"},
          {"Connection", "Upgrade"},
          {"Sec-WebSocket-Accept", kAccept},
          {"Sec-WebSocket-Protocol", "mqtt"}};
}
// The good response with the lines of one name replaced.
Headers with(std::string_view name, const std::vector<std::string_view>& values, Headers headers = good_response()) {
  std::erase_if(headers, [&](const HeaderView& header) { return header.name == name; });
  for (const std::string_view value : values) headers.push_back({name, value});
  return headers;
}
Error check(const Headers& headers, std::string_view offered = kOffered) {
  return check_response({101, 1, headers}, kKey, offered);
}

struct Row {
  const char* name;
  Headers headers;
  bool passes;
  std::string_view offered = kOffered;
};
void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const Error error = check(row.headers, row.offered);
    EXPECT_EQ(error.code(), row.passes ? Errc::none : Errc::ws_handshake) << row.name << ": " << error.what();
    if (!row.passes) {
      EXPECT_FALSE(error.what().empty());
      EXPECT_FALSE(error.clause().empty());
    }
  }
}

TEST(WsHandshake, AcceptsTheExampleOfTheSpecification)  // RFC 6455 1.3
{
  EXPECT_EQ(accept_of(kKey).view(), kAccept);
  EXPECT_FALSE(check(good_response()));
}

TEST(WsHandshake, RefusesEveryOtherStatus)  // W-H01, W-H09
{
  for (const unsigned status : {200U, 204U, 400U, 401U, 403U, 404U, 426U, 429U, 500U, 502U, 503U, 504U, 599U, 999U}) {
    const Error error = check_response({static_cast<std::uint16_t>(status), 1, good_response()}, kKey, kOffered);
    EXPECT_EQ(error.code(), Errc::ws_handshake);
    EXPECT_EQ(error.number(), status);
  }
}

TEST(WsHandshake, NeverFollowsARedirect)  // W-H02, RFC 6455 4.1
{
  for (const unsigned status : {300U, 301U, 302U, 303U, 307U, 308U}) {
    const Error error = check_response(
        {static_cast<std::uint16_t>(status), 1, with("Location", {"wss://other.example/"})}, kKey, kOffered);
    EXPECT_EQ(error.code(), Errc::redirect_refused);
    EXPECT_EQ(error.number(), status);
  }
}

TEST(WsHandshake, WantsUpgradeToBeWebsocketAlone)  // W-H03
{
  expect_rows({{"h2c", with("Upgrade", {"h2c"}), false},
               {"missing", with("Upgrade", {}), false},
               {"empty", with("Upgrade", {""}), false},
               {"a list", with("Upgrade", {"websocket, foo"}), false},
               {"two lines", with("Upgrade", {"websocket", "websocket"}), false},
               {"a version", with("Upgrade", {"websocket/13"}), false},
               {"a prefix", with("Upgrade", {"websockets"}), false},
               {"a letter off", with("Upgrade", {"websocked"}), false},
               {"another case", with("Upgrade", {"WebSocket"}), true},
               {"white space around", with("Upgrade", {" websocket\t"}), true},
               {"the name in another case", with("uPGRADE", {"websocket"}, with("Upgrade", {})), true}});
}

TEST(WsHandshake, WantsConnectionToListUpgrade)  // W-H04
{
  expect_rows({{"keep-alive", with("Connection", {"keep-alive"}), false},
               {"missing", with("Connection", {}), false},
               {"part of a word", with("Connection", {"Upgraded"}), false},
               {"no comma between", with("Connection", {"keep-alive Upgrade"}), false},
               {"a list", with("Connection", {"keep-alive, Upgrade"}), true},
               {"a list with empty elements", with("Connection", {",, upgrade ,"}), true},
               {"two lines", with("Connection", {"keep-alive", "UPGRADE"}), true}});
}

TEST(WsHandshake, WantsTheAnswerToItsOwnKey)  // W-H05
{
  const Accept other = accept_of("AAAAAAAAAAAAAAAAAAAAAA==");
  std::string lower(kAccept);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  const std::string inner_space = std::string(kAccept.substr(0, 14)) + " " + std::string(kAccept.substr(14));
  expect_rows({{"missing", with("Sec-WebSocket-Accept", {}), false},
               {"empty", with("Sec-WebSocket-Accept", {""}), false},
               {"of another key", with("Sec-WebSocket-Accept", {other.view()}), false},
               {"in lower case", with("Sec-WebSocket-Accept", {lower}), false},
               {"a space inside", with("Sec-WebSocket-Accept", {inner_space}), false},
               {"cut", with("Sec-WebSocket-Accept", {kAccept.substr(0, 27)}), false},
               {"twice", with("Sec-WebSocket-Accept", {kAccept, kAccept}), false},
               {"right and wrong", with("Sec-WebSocket-Accept", {kAccept, other.view()}), false},
               {"spaces around", with("Sec-WebSocket-Accept", {"  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= "}), true}});
}

// Whoever did not check a key gets an answer, and nothing is read or written past a key's room.
TEST(WsHandshake, AnswersAKeyOfAnySize) {
  // openssl dgst -sha1 of the GUID alone.
  EXPECT_EQ(accept_of("").view(), "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=");
  const std::string longer = std::string(kKey) + "x";
  EXPECT_EQ(accept_of(longer).view(), accept_of(kKey).view());
}

// Answers what it is told to, so that two keys can be made to differ.
class Bytes16 final : public Entropy {
 public:
  explicit Bytes16(std::uint8_t first) : next_(first) {}
  [[nodiscard]] bool fill(MutableBytes into) noexcept override {
    for (auto& byte : into) byte = next_++;
    return true;
  }

 private:
  std::uint8_t next_;
};
class NoEntropy final : public Entropy {
 public:
  [[nodiscard]] bool fill(MutableBytes) noexcept override { return false; }
};

TEST(WsHandshake, RefusesTheAnswerToAnEarlierConnection)  // W-H06
{
  Bytes16 entropy(0);
  Key first;
  Key second;
  ASSERT_TRUE(make_key(entropy, first));
  ASSERT_TRUE(make_key(entropy, second));
  EXPECT_EQ(first.view(), "AAECAwQFBgcICQoLDA0ODw==");
  EXPECT_NE(first.view(), second.view());
  const Accept of_first = accept_of(first.view());
  const Headers replayed = with("Sec-WebSocket-Accept", {of_first.view()});
  EXPECT_FALSE(check_response({101, 1, replayed}, first.view(), kOffered));
  EXPECT_EQ(check_response({101, 1, replayed}, second.view(), kOffered).code(), Errc::ws_handshake);
  NoEntropy none;
  EXPECT_FALSE(make_key(none, first));
}

TEST(WsHandshake, WantsASubprotocolThatWasOffered)  // W-H07, [MQTT-6.0.0-4]
{
  expect_rows({{"mqtt", with("Sec-WebSocket-Protocol", {"mqtt"}), true},
               {"mqttv5.0", with("Sec-WebSocket-Protocol", {"mqttv5.0"}), true},
               {"missing", with("Sec-WebSocket-Protocol", {}), false},
               {"empty", with("Sec-WebSocket-Protocol", {""}), false},
               {"another case", with("Sec-WebSocket-Protocol", {"MQTT"}), false},
               {"a list", with("Sec-WebSocket-Protocol", {"mqtt, mqtt"}), false},
               {"the offer itself", with("Sec-WebSocket-Protocol", {"mqtt, mqttv5.0"}), false},
               {"two lines", with("Sec-WebSocket-Protocol", {"mqtt", "mqtt"}), false},
               {"not offered", with("Sec-WebSocket-Protocol", {"mqttv3.1"}), false},
               {"offered, and no token", with("Sec-WebSocket-Protocol", {"mqtt v5"}), false, "mqtt v5"},
               {"only one offered", with("Sec-WebSocket-Protocol", {"mqttv5.0"}), false, "mqtt"},
               {"none offered, one chosen", with("Sec-WebSocket-Protocol", {"mqtt"}), false, ""},
               {"none offered, none chosen", with("Sec-WebSocket-Protocol", {}), true, ""}});
}

TEST(WsHandshake, RefusesEveryExtension)  // W-H08, RFC 6455 4.1
{
  expect_rows({{"permessage-deflate", with("Sec-WebSocket-Extensions", {"permessage-deflate"}), false},
               {"behind an empty one", with("Sec-WebSocket-Extensions", {"", "x"}), false},
               {"a comma", with("Sec-WebSocket-Extensions", {","}), false},
               {"empty", with("Sec-WebSocket-Extensions", {""}), true},
               {"white space", with("Sec-WebSocket-Extensions", {" \t"}), true}});
}

TEST(WsHandshake, LetsNoFramingFieldChangeAnything)  // W-H10 (where the frames begin is http's: its 101 has no body)
{
  expect_rows({{"Content-Length", with("Content-Length", {"5"}), true},
               {"Transfer-Encoding", with("Transfer-Encoding", {"chunked"}), true}});
}

TEST(WsHandshake, Refuses101OfHttp10)  // W-H20
{
  EXPECT_EQ(check_response({101, 0, good_response()}, kKey, kOffered).code(), Errc::ws_handshake);
  EXPECT_FALSE(check_response({101, 2, good_response()}, kKey, kOffered));
}

// --- The server's side

Headers good_request() {
  return {{"Host", "localhost:8080"},  {"Upgrade", "websocket"},        {"Connection", "keep-alive, Upgrade"},
          {"Sec-WebSocket-Key", kKey}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Protocol", kOffered}};
}

TEST(WsServerHandshake, TellsWhatWasAsked) {
  RequestView request;
  EXPECT_FALSE(check_request("GET", good_request(), request));
  EXPECT_EQ(request.key, kKey);
  EXPECT_EQ(request.protocols, kOffered);
  EXPECT_FALSE(check_request("GET", with("Sec-WebSocket-Protocol", {}, good_request()), request));
  EXPECT_TRUE(request.protocols.empty());
}

TEST(WsServerHandshake, RefusesWhatIsNoHandshake)  // RFC 6455 4.2.1
{
  struct RequestRow {
    const char* name;
    const char* method;
    Headers headers;
    unsigned status;
  };
  const RequestRow rows[] = {
      {"method", "POST", good_request(), 405},
      {"method in lower case", "get", good_request(), 405},
      {"no host", "GET", with("Host", {}, good_request()), 400},
      {"two hosts", "GET", with("Host", {"a", "b"}, good_request()), 400},
      {"no upgrade", "GET", with("Upgrade", {}, good_request()), 426},
      {"another upgrade", "GET", with("Upgrade", {"h2c"}, good_request()), 426},
      {"no connection", "GET", with("Connection", {}, good_request()), 400},
      {"keep-alive only", "GET", with("Connection", {"keep-alive"}, good_request()), 400},
      {"no version", "GET", with("Sec-WebSocket-Version", {}, good_request()), 426},
      {"version 8", "GET", with("Sec-WebSocket-Version", {"8"}, good_request()), 426},
      {"two versions", "GET", with("Sec-WebSocket-Version", {"8", "13"}, good_request()), 426},
      {"no key", "GET", with("Sec-WebSocket-Key", {}, good_request()), 400},
      {"two keys", "GET", with("Sec-WebSocket-Key", {kKey, kKey}, good_request()), 400},
      {"15 bytes", "GET", with("Sec-WebSocket-Key", {"AAAAAAAAAAAAAAAAAAAA"}, good_request()), 400},
      {"17 bytes", "GET", with("Sec-WebSocket-Key", {"AAAAAAAAAAAAAAAAAAAAAAA="}, good_request()), 400},
      {"no base64", "GET", with("Sec-WebSocket-Key", {"dGhlIHNhbXBsZSBub25jZ!=="}, good_request()), 400},
  };
  for (const RequestRow& row : rows) {
    RequestView request;
    const Error error = check_request(row.method, row.headers, request);
    EXPECT_EQ(error.code(), Errc::ws_handshake) << row.name;
    EXPECT_EQ(error.number(), row.status) << row.name;
    EXPECT_TRUE(request.key.empty()) << row.name;
  }
}

TEST(WsServerHandshake, AnswersWhatTheClientExpects) {
  Bytes16 entropy(77);
  Key key;
  ASSERT_TRUE(make_key(entropy, key));
  RequestView request;
  ASSERT_FALSE(check_request("GET", with("Sec-WebSocket-Key", {key.view()}, good_request()), request));
  const Accept accept = accept_of(request.key);
  EXPECT_FALSE(check_response({101, 1, with("Sec-WebSocket-Accept", {accept.view()})}, key.view(), request.protocols));
}

// --- SHA-1

std::string hex_of(const std::uint8_t (&digest)[kSha1Bytes]) {
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(WsSha1, HasTheKnownDigests)  // FIPS 180-4; RFC 3174 7.3
{
  const std::pair<std::string, const char*> rows[] = {
      {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
      {std::string(1'000'000, 'a'), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
      // RFC 3174 7.3, the fourth: 80 times this.
      {[] {
         std::string text;
         for (int at = 0; at < 80; ++at) text += "01234567";
         return text;
       }(),
       "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
  };
  for (const auto& [text, expected] : rows) {
    std::uint8_t digest[kSha1Bytes];
    sha1(bytes_of(text), digest);
    EXPECT_EQ(hex_of(digest), expected);
  }
}

TEST(WsSha1, ReadsNothingBehindTheMessageAndWritesNothingBehindTheDigest) {
  axonpush::test::GuardedBytes guarded(256);
  axonpush::test::GuardedBytes guarded_digest(kSha1Bytes);
  auto& again = *reinterpret_cast<std::uint8_t(*)[kSha1Bytes]>(guarded_digest.last(kSha1Bytes).data());
  for (const std::size_t size : {1U, 63U, 64U, 65U, 128U}) {
    const std::string text(size, 'a');
    std::uint8_t digest[kSha1Bytes];
    sha1(bytes_of(text), digest);
    sha1(guarded.hold(bytes_of(text)), again);
    EXPECT_EQ(hex_of(again), hex_of(digest)) << size;
  }
}

TEST(WsSha1, PadsEveryLengthAroundABlock)  // lengths 55, 56, 63, 64, 65: one block or two
{
  const std::pair<std::size_t, const char*> rows[] = {{55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
                                                      {56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
                                                      {63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
                                                      {64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
                                                      {65, "11655326c708d70319be2610e8a57d9a5b959d3b"}};
  for (const auto& [size, expected] : rows) {
    const std::string text(size, 'a');
    std::uint8_t digest[kSha1Bytes];
    sha1(bytes_of(text), digest);
    EXPECT_EQ(hex_of(digest), expected) << size;
  }
}

}  // namespace
}  // namespace axonpush::ws
