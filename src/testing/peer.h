// One accepted connection: reads into the service's scratch, queues output until the turn's end, and ends in order.
//
// Lifetime: made by Server, which keeps it until the end of the turn in which it ended, so that it may end inside its
// own callbacks. Thread rule: the service's thread.
#pragma once

#include <axonpush/net/reactor.h>

#include <vector>

#include "testing/stream.h"

namespace axonpush::inline v0::testing {

class Server;

class Peer : public net::Watcher, public net::Timer {
 public:
  Peer(Server& server, Stream stream, std::uint64_t id) : server_(server), stream_(std::move(stream)), id_(id) {}
  virtual ~Peer() = default;

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] bool gone() const noexcept { return gone_; }
  // Registers with the reactor; false: it could not be watched.
  [[nodiscard]] bool start();
  // Sends what is queued; by Server, at the end of the turn.
  void flush();
  // RST, now.
  void abort();
  // Sends what is queued, then close_notify and FIN, and reads to the other side's end for a bounded time: closing with
  // unread input would send RST, which can overtake what was written last.
  void finish();
  // What Server::later was asked to bring back.
  virtual void on_later(std::vector<std::uint8_t> bytes, unsigned purpose) = 0;
  // A frozen peer neither reads nor writes.
  void freeze(bool frozen);

  void on_ready(Interest ready) noexcept final;
  void on_timer(Instant now) noexcept final;

 protected:
  // Takes what it can from the front; answers how many bytes are done with. The rest comes again with more behind it.
  virtual std::size_t on_input(MutableBytes input) = 0;
  virtual void on_deadline(Instant now) = 0;
  // Called once: no input follows. Output may still be queued before this returns when the peer is only finishing.
  virtual void on_end() = 0;
  // All output has been handed to the kernel.
  virtual void on_drained() {}

  void send(Bytes bytes);
  // Room for `size` bytes at the end of the output; the caller fills all of it.
  [[nodiscard]] MutableBytes append(std::size_t size);
  [[nodiscard]] std::size_t backlog() const noexcept { return output_.size() - written_; }
  [[nodiscard]] bool ending() const noexcept { return finishing_ || gone_; }
  void set_deadline(Instant at);

  Server& server_;

 private:
  void pump();
  void end();
  void write_out();
  void watch();

  Stream stream_;
  std::uint64_t id_;
  std::vector<std::uint8_t> input_;  // what on_input left
  std::vector<std::uint8_t> output_;
  std::size_t written_ = 0;  // of output_
  Interest watched_;
  bool dirty_ = false;      // in Server's list for this turn's end
  bool finishing_ = false;  // input is discarded
  bool output_ended_ = false;
  bool ended_ = false;  // on_end was called
  bool gone_ = false;   // out of the reactor; deleted at the turn's end
  bool frozen_ = false;
  friend class Server;
};

}  // namespace axonpush::inline v0::testing
