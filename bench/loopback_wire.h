// Blocking TLS, WebSocket and MQTT framing for the two ends of axonpush_loopback that are not the library: the sender
// and the floor. As little as does the work, no checks beyond what keeps it from running astray: what the library is
// measured against must not be slower than it has to be.
#pragma once

#include <axonpush/base/bytes.h>

#include <openssl/ssl.h>

#include "loopback_work.h"

namespace axonpush::bench {

// A socket and its SSL.
class TlsPipe {
 public:
  TlsPipe(int descriptor, SSL* ssl) : descriptor_(descriptor), ssl_(ssl) {}
  ~TlsPipe();
  TlsPipe(const TlsPipe&) = delete;
  TlsPipe& operator=(const TlsPipe&) = delete;

  // 0: the stream has ended.
  [[nodiscard]] std::size_t read(void* into, std::size_t size) {
    const int got = SSL_read(ssl_, into, static_cast<int>(size));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  // All of it; false when the peer is gone.
  bool write(std::string_view bytes);
  [[nodiscard]] bool pending() const { return SSL_has_pending(ssl_) == 1; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] SSL* ssl() const { return ssl_; }

 private:
  int descriptor_;
  SSL* ssl_;
};

// What comes in, as MQTT packets: frames are taken off, masked ones unmasked, whatever their cut.
class PacketReader {
 public:
  explicit PacketReader(TlsPipe& pipe) : pipe_(pipe) {}
  // Before the first read: `first` are bytes read already, `framed` says whether there are WebSocket frames at all.
  void start(bool framed, std::string_view first) {
    framed_ = framed;
    (framed ? raw_ : packets_).assign(first);
  }
  // Reads once; false at the end of the stream or a Close frame.
  bool fill();
  // The next whole packet of what was read. The view lives until the next fill().
  [[nodiscard]] bool next(std::string_view& packet);
  // Waits for one.
  bool wait(std::string_view& packet);

 private:
  void take_frames();

  TlsPipe& pipe_;
  std::string raw_;
  std::string packets_;
  std::size_t taken_ = 0;
  bool framed_ = true;
  bool closed_ = false;
};

// Remaining Length at byte 1 of a packet. Answers how many bytes it takes; 0: not all there.
[[nodiscard]] inline std::size_t remaining_length(const std::uint8_t* packet, std::size_t size, std::size_t& value) {
  value = 0;
  for (std::size_t at = 1; at < size && at < 5; ++at) {
    value |= static_cast<std::size_t>(packet[at] & 0x7FU) << (7 * (at - 1));
    if ((packet[at] & 0x80U) == 0) return at;
  }
  return 0;
}

}  // namespace axonpush::bench
