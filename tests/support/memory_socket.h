// net::Socket on memory: a seam of the linker's. The functions are defined here in place of src/net/socket.cc's, so a
// program includes this in one file, and uses nothing else that needs real sockets.
#pragma once

#include <axonpush/net/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace axonpush::test {

// What the one socket of the program has to give and takes.
struct Wire {
  std::string arrived;
  std::string sent;
  std::size_t chunk = SIZE_MAX;  // of one read
  std::size_t room = SIZE_MAX;   // for what is written
  bool eof = false;
  int failure = 0;  // errno of every call
  unsigned calls = 0;
};
inline Wire wire;

inline void count_call() {
  constexpr unsigned kCallsMax = 100'000;
  if (++wire.calls < kCallsMax) return;
  std::fputs("broken: a call that does not end\n", stderr);
  std::abort();
}

}  // namespace axonpush::test

namespace axonpush::inline v0::net {

void Socket::close() noexcept {}
void Socket::shutdown_output() noexcept {}

IoResult Socket::recv(MutableBytes into) noexcept {
  using test::wire;
  test::count_call();
  if (wire.failure != 0) {
    error_number_ = wire.failure;
    return {IoOutcome::error, 0};
  }
  if (wire.arrived.empty()) return {wire.eof ? IoOutcome::eof : IoOutcome::would_block, 0};
  const std::size_t size = std::min({into.size(), wire.arrived.size(), wire.chunk});
  std::memcpy(into.data(), wire.arrived.data(), size);
  wire.arrived.erase(0, size);
  return {IoOutcome::ok, size};
}

IoResult Socket::send(Bytes from) noexcept {
  using test::wire;
  test::count_call();
  if (wire.failure != 0) {
    error_number_ = wire.failure;
    return {IoOutcome::error, 0};
  }
  const std::size_t size = std::min(from.size(), wire.room);
  if (size == 0) return {IoOutcome::would_block, 0};
  wire.sent.append(text_of(from.first(size)));
  if (wire.room != SIZE_MAX) wire.room -= size;
  return {IoOutcome::ok, size};
}

}  // namespace axonpush::inline v0::net
