// An accepted connection as a non-blocking byte stream, with or without TLS. Owns its descriptor.
//
// Thread rule: the service's thread.
#pragma once

#include <axonpush/base/transport.h>

#include <openssl/ssl.h>

#include <utility>

namespace axonpush::inline v0::testing {

class Stream {
 public:
  // `ssl` is nullptr for cleartext; both are owned from here on.
  Stream(int descriptor, SSL* ssl) noexcept : descriptor_(descriptor), ssl_(ssl) {}
  Stream(Stream&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), ssl_(std::exchange(other.ssl_, nullptr)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // The TLS handshake happens in here by itself.
  [[nodiscard]] IoResult read(MutableBytes into) noexcept;
  [[nodiscard]] IoResult write(Bytes from) noexcept;
  // The last read stopped because TLS has to write first.
  [[nodiscard]] bool read_wants_write() const noexcept { return read_wants_write_; }
  // close_notify and FIN: nothing more will be written. Reading goes on.
  void end_output() noexcept;
  // From now on closing sends RST in place of FIN.
  void reset_on_close() noexcept;

 private:
  IoResult judge(int returned) noexcept;

  int descriptor_;
  SSL* ssl_;
  bool read_wants_write_ = false;
  bool broken_ = false;  // after a fatal error SSL_shutdown must not be called
};

}  // namespace axonpush::inline v0::testing
