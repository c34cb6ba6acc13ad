// The least server a Client connects to, in the test's own thread: credentials over HTTPS, an upgrade and a CONNACK
// over secure WebSocket. Each of the two listens with a TLS context of its own that may change between connections.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/tls_peer.h"

namespace axonpush::net::test {

class MiniService {
 public:
  // How the broker is called in the credentials.
  std::string broker_host = "localhost";
  SSL_CTX* api_context = nullptr;
  SSL_CTX* broker_context = nullptr;
  unsigned requests = 0;
  unsigned connects = 0;
  unsigned closes = 0;  // WebSocket Close frames
  unsigned resumed_api = 0;
  unsigned resumed_broker = 0;

  [[nodiscard]] std::uint16_t api_port() const { return api_.port(); }

  void step() {
    accept(api_, api_context, false);
    accept(broker_, broker_context, true);
    for (Served& served : served_) {
      served.peer->step();
      if (served.broker) {
        serve_broker(served);
      } else {
        serve_api(served);
      }
      served.peer->step();
    }
    std::erase_if(served_, [](const Served& served) { return served.peer->raw().at_end(); });
  }

 private:
  struct Served {
    std::unique_ptr<TlsPeer> peer;
    bool broker = false;
    bool answered = false;  // the request, or the upgrade
    bool closed = false;
  };

  void accept(const Listening& listening, SSL_CTX* context, bool broker) {
    const int descriptor = listening.accept();
    if (descriptor < 0) return;
    served_.push_back(
        {.peer = std::make_unique<TlsPeer>(descriptor, context), .broker = broker, .answered = false, .closed = false});
  }

  void serve_api(Served& served) {
    if (served.answered || served.peer->received.find("\r\n\r\n") == std::string::npos) return;
    served.answered = true;
    ++requests;
    resumed_api += SSL_session_reused(served.peer->ssl()) == 1 ? 1U : 0U;
    const std::string body = R"({"endpoint":"x","presignedWssUrl":"wss://)" + broker_host + ":" +
                             std::to_string(broker_.port()) +
                             R"(/mqtt?n=1","expiresAt":"2099-01-01T00:00:00Z","authToken":"token","clientId":"me"})";
    served.peer->send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
    served.peer->close_notify();
    served.peer->finish();
  }

  static std::string accept_value(const std::string& head) {
    const std::string name = "Sec-WebSocket-Key: ";
    const std::size_t at = head.find(name);
    if (at == std::string::npos) return {};
    const std::string joined = head.substr(at + name.size(), 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(joined.data()), joined.size(), digest);
    unsigned char text[64];
    const int size = EVP_EncodeBlock(text, digest, sizeof digest);
    return {reinterpret_cast<char*>(text), static_cast<std::size_t>(size)};
  }

  void serve_broker(Served& served) {
    std::string& received = served.peer->received;
    if (!served.answered) {
      const std::size_t end = received.find("\r\n\r\n");
      if (end == std::string::npos) return;
      served.answered = true;
      resumed_broker += SSL_session_reused(served.peer->ssl()) == 1 ? 1U : 0U;
      served.peer->send(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: "
          "mqtt\r\nSec-WebSocket-Accept: " +
          accept_value(received.substr(0, end)) + "\r\n\r\n");
      received.erase(0, end + 4);
    }
    // Frames of a client: masked, and short enough here for two bytes of length.
    while (received.size() >= 6) {
      const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(received[at]); };
      std::size_t head = 6;
      std::size_t size = byte(1) & 0x7FU;
      if (size == 126) {
        head = 8;
        size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
      }
      if (received.size() < head + size) return;
      std::string payload = received.substr(head, size);
      for (std::size_t at = 0; at < size; ++at) {
        payload[at] = static_cast<char>(payload[at] ^ received[head - 4 + at % 4]);
      }
      const unsigned opcode = byte(0) & 0x0FU;
      received.erase(0, head + size);
      if (opcode == 8) {
        ++closes;
        if (std::exchange(served.closed, true)) continue;
        served.peer->send(std::string("\x88\x02\x03\xE8", 4));
        served.peer->close_notify();
        served.peer->finish();
      } else if (!payload.empty() && (static_cast<unsigned char>(payload[0]) >> 4) == 1) {
        ++connects;
        served.peer->send(std::string("\x82\x05\x20\x03\x00\x00\x00", 7));
      }
    }
  }

  Listening api_;
  Listening broker_;
  std::vector<Served> served_;
};

}  // namespace axonpush::net::test
