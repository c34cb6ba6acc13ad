// The whole client between its own seams: a host in memory, whose connection is a script that grants everything, so
// that what is measured is the way of an event and nothing else. No socket, no TLS, no clock.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/base/transport.h>
#include <axonpush/client.h>

#include <memory>
#include <string>

#include "instr.h"

namespace axonpush::bench {

class ClientHost final : public Host, private Connector, private Transport, private Entropy {
 public:
  ClientHost() = default;

  // Connects a session with `filters` subscriptions: number i wants channel i, in one of the six wildcard masks of the
  // topic workloads; `callback` is called with the events of all of them.
  void connect(std::size_t filters, void (*callback)(const Event&), bool json);
  // The client's next read finds these frames, behind which kReadSlackBytes are readable.
  void receive(Bytes frames);
  [[nodiscard]] Realtime& session() { return session_; }
  // What has been sent since, in bytes; it is not kept.
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_; }
  // A turn in which `work` is done, as a callback's: the cork is flushed at its end.
  void turn() { run_turn(); }

  [[nodiscard]] Instant now() const noexcept override { return Instant::from_nanoseconds(1'000'000'000); }
  [[nodiscard]] Instant fresh_now() const noexcept override { return now(); }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    return WallTime::from_nanoseconds(1'790'000'000'000'000'000);
  }
  [[nodiscard]] Entropy& entropy() noexcept override { return *this; }
  [[nodiscard]] Connector& connector() noexcept override { return *this; }
  [[nodiscard]] BufferPool& buffers() noexcept override { return pool_; }
  void attach(Driven* driven) noexcept override { driven_ = driven; }
  void request_turn(When when) noexcept override { turn_wanted_ = turn_wanted_ || when == When::later; }

 private:
  Status open(const Endpoint& endpoint, ConnectionId id, ConnectionSink& sink) noexcept override;
  void close(ConnectionId id) noexcept override { static_cast<void>(id); }
  void again(ConnectionId id) noexcept override { static_cast<void>(id); }
  IoResult recv(MutableBytes into) noexcept override;
  IoResult send(Bytes from) noexcept override;
  void interest(Interest wanted) noexcept override { static_cast<void>(wanted); }
  IoOutcome shutdown() noexcept override { return IoOutcome::ok; }
  const Error& error() const noexcept override { return error_; }
  bool fill(MutableBytes into) noexcept override;

  void run_turn();
  void settle();
  void answer(std::string sent);

  BufferPool pool_;
  std::unique_ptr<Client> client_;
  Realtime session_;
  Driven* driven_ = nullptr;
  ConnectionSink* sink_ = nullptr;
  ConnectionId id_{};
  Error error_;
  std::string scripted_;  // answers to what was sent while connecting
  Bytes frames_;
  std::string unanswered_;
  std::uint64_t sent_ = 0;
  std::uint32_t random_ = 1;
  bool scripting_ = true;
  bool opening_ = false;
  bool turn_wanted_ = false;
};

}  // namespace axonpush::bench
