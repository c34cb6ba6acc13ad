// Records that OpenSSL's server would never write, sealed with its own keys: what a server that holds the keys may
// still do wrong behind the handshake (X-18, X-20, X-21; RFC 8446 5).
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>

#include "net/tls_client.h"

namespace axonpush::net::test {
namespace {

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

// RFC 8446 7.1, with an empty context.
std::string expand_label(const std::string& secret, const std::string& label, std::size_t size) {
  const std::string full = "tls13 " + label;
  std::string info = {static_cast<char>(size >> 8), static_cast<char>(size), static_cast<char>(full.size())};
  info += full;
  info += '\0';
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  std::string digest = "SHA256";
  std::string key = secret;
  std::array<OSSL_PARAM, 5> parameters = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  std::string made(size, '\0');
  EXPECT_EQ(EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(made.data()), size, parameters.data()), 1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return made;
}

// Seals records as the server does under TLS_AES_128_GCM_SHA256, from its first one on.
class Forge {
 public:
  explicit Forge(const std::string& secret)
      : key_(expand_label(secret, "key", 16)), iv_(expand_label(secret, "iv", 12)) {}

  // `inner`: the content, its type, and padding, as RFC 8446 5.2 has them.
  std::string seal(const std::string& inner) {
    const std::size_t size = inner.size() + 16;
    const std::string head = {'\x17', '\x03', '\x03', static_cast<char>(size >> 8), static_cast<char>(size)};
    std::string nonce = iv_;
    for (int at = 0; at < 8; ++at) {
      nonce[static_cast<std::size_t>(11 - at)] =
          static_cast<char>(nonce[static_cast<std::size_t>(11 - at)] ^ static_cast<char>(sequence_ >> (8 * at)));
    }
    ++sequence_;
    std::string sealed(inner.size(), '\0');
    std::string tag(16, '\0');
    const auto bytes = [](std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); };
    const auto read = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int done = 0;
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, read(key_), read(nonce));
    EVP_EncryptUpdate(context, nullptr, &done, read(head), static_cast<int>(head.size()));
    EVP_EncryptUpdate(context, bytes(sealed), &done, read(inner), static_cast<int>(inner.size()));
    EVP_EncryptFinal_ex(context, bytes(sealed) + done, &done);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    EVP_CIPHER_CTX_free(context);
    return head + sealed + tag;
  }

 private:
  std::string key_;
  std::string iv_;
  std::uint64_t sequence_ = 0;
};

constexpr char kAlert = 21;
constexpr char kHandshake = 22;
constexpr char kData = 23;

std::string data(const std::string& content) { return content + kData; }
std::string handshake_message(char type, const std::string& body) {
  return std::string(1, type) + std::string(1, '\0') + static_cast<char>(body.size() >> 8) +
         static_cast<char>(body.size()) + body;
}

class ForgedRecords : public TlsTest {
 protected:
  void SetUp() override {
    serve({.chain = {&leaf}, .version_min = TLS1_3_VERSION});
    ASSERT_EQ(SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256"), 1);
    SSL_CTX_set_num_tickets(context.get(), 0);  // so that the first record of the server is ours
    SSL_CTX_set_keylog_callback(context.get(), [](const SSL*, const char* line) {
      const std::string_view text = line;
      if (text.starts_with("SERVER_TRAFFIC_SECRET_0 ")) secret = from_hex(text.substr(text.rfind(' ') + 1));
    });
  }
  // Connected, and the forge in the server's place from here on.
  Forge take_over(ClientEnd& end, ClientSide& side) {
    connect(end, side);
    EXPECT_TRUE(turn(end, [&] { return peer->established(); }));
    peer->held = true;
    EXPECT_FALSE(side.failed) << side.error.what();
    return Forge(secret);
  }
  void put(const std::string& records) { EXPECT_EQ(peer->raw().write(records), records.size()); }
  // In this order, whatever the compiler thinks of the operands of a sum.
  void put(Forge& forge, const std::vector<std::string>& inners) {
    std::string records;
    for (const std::string& inner : inners) records += forge.seal(inner);
    put(records);
  }

  static std::string secret;
};
std::string ForgedRecords::secret;

TEST_F(ForgedRecords, AreReadLikeTheServersOwn) {
  ClientEnd end(trusting());
  ClientSide side;
  Forge forge = take_over(end, side);
  put(forge, {data("forged"), data("padded") + std::string(1'000, '\0')});
  ASSERT_TRUE(turn(end, [&] { return side.received == "forgedpadded"; })) << side.error.what();
}

TEST_F(ForgedRecords, WithoutContentAreLimited)
{
  ClientEnd end(trusting());
  ClientSide side;
  Forge forge = take_over(end, side);
  // A few are legal (RFC 8446 5.1: zero-length fragments of application data may be sent), with data between them many.
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> inners(20, data(""));
    inners.push_back(data("x"));
    put(forge, inners);
  }
  ASSERT_TRUE(turn(end, [&] { return side.received == std::string(20, 'x'); })) << side.error.what();
  put(forge, std::vector<std::string>(200, data("")));
  ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  EXPECT_EQ(side.error.code(), Errc::tls_protocol);
  EXPECT_EQ(side.error.what(), "too many TLS records without content");
}

TEST_F(ForgedRecords, ThatBreakTheProtocolEndTheConnection)
{
  struct Row {
    const char* what;
    std::string inner;
  };
  const std::string ticket_body = std::string(
      "\0\0\1\0"
      "abcd\1n\0\0",
      12);  // its ticket is empty
  const Row rows[] = {
      {"no type at all", std::string(20, '\0')},
      {"an unknown type", std::string("x") + '\x63'},
      {"a heartbeat", std::string("\1\0\4abcd", 7) + '\x18'},
      {"a ChangeCipherSpec that is encrypted", std::string("\1") + '\x14'},
      {"one byte more than a record holds", std::string(16'385, 'x') + kData},
      {"an unknown fatal alert", std::string("\2\xFE") + kAlert},
      {"an alert of one byte", std::string("\2") + kAlert},
      {"an alert of unknown level", std::string("\7\x28") + kAlert},
      {"a key update of unknown kind", handshake_message(24, "\5") + kHandshake},
      {"a key update without a kind", handshake_message(24, "") + kHandshake},
      {"a ServerHello", handshake_message(2, std::string(40, 'h')) + kHandshake},
      {"a HelloRequest", handshake_message(0, "") + kHandshake},
      {"a Finished", handshake_message(20, std::string(32, 'f')) + kHandshake},
      {"a certificate behind the handshake", handshake_message(11, std::string(8, '\0')) + kHandshake},
      {"a certificate request that was not offered", handshake_message(13, std::string(3, '\0')) + kHandshake},
      {"an unknown message", handshake_message(99, "?") + kHandshake},
      {"a ticket that is empty", handshake_message(4, ticket_body) + kHandshake},
      {"a ticket that is cut", handshake_message(4, "\0\0") + kHandshake},
      {"a message that says 16 MB", std::string("\4\xFF\xFF\xFF", 4) + kHandshake},
  };
  for (const Row& row : rows) {
    ClientEnd end(trusting());
    ClientSide side;
    Forge forge = take_over(end, side);
    put(forge, {data("before"), row.inner, data("behind")});
    ASSERT_TRUE(turn(end, [&] { return side.failed; })) << row.what << side.received;
    EXPECT_EQ(side.received, "before") << row.what;
    EXPECT_EQ(side.error.code(), Errc::tls_protocol) << row.what << ": " << side.error.what();
    EXPECT_FALSE(side.error.what().empty());
  }
}

// close_notify is believed wherever it stands; what follows it is not read.
TEST_F(ForgedRecords, BehindACloseNotifyAreNotRead) {
  ClientEnd end(trusting());
  ClientSide side;
  Forge forge = take_over(end, side);
  put(forge, {data("before"), std::string("\1\0", 2) + kAlert, data("behind")});
  ASSERT_TRUE(turn(end, [&] { return side.ended; }));
  EXPECT_EQ(side.received, "before");
  EXPECT_FALSE(side.failed);
}

// Played again, left out, or out of order: the sequence number is part of every record.
TEST_F(ForgedRecords, OutOfTheirOrderAreDamaged) {
  for (const int kind : {0, 1, 2}) {
    ClientEnd end(trusting());
    ClientSide side;
    Forge forge = take_over(end, side);
    const std::string first = forge.seal(data("first"));
    const std::string second = forge.seal(data("second"));
    put(kind == 0 ? first + first : kind == 1 ? second : second + first);
    ASSERT_TRUE(turn(end, [&] { return side.failed; }));
    EXPECT_EQ(side.received, kind == 0 ? "first" : "");
    EXPECT_EQ(side.error.what(), "a TLS record was damaged on its way");
  }
}

}  // namespace
}  // namespace axonpush::net::test
