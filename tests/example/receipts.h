// An application as its users write them: it takes orders from one channel and publishes a receipt for each into
// another. It stands here to be tested, as an example of how a program that uses axonpush is tested: receipts_test.cc.
#pragma once

#include <axonpush/axonpush.h>

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace example {

class Receipts {
 public:
  explicit Receipts(axonpush::ClientOptions options) : client_(std::move(options)) {}

  // Connects and listens for orders; what goes wrong here is the caller's to know.
  axonpush::Status start() {
    axonpush::RealtimeOptions options;
    options.on_gap = [this](const axonpush::PossibleGap&) { ++gaps_; };
    options.on_error = [this](const axonpush::ErrorReport& report) { note(report.error); };
    auto connected = client_.connect_realtime(std::move(options));
    if (!connected.ok()) return connected.error();
    session_ = *connected;
    const auto orders = session_.subscribe({.channel_id = "orders"}, [this](const axonpush::Event& order) {
      // On the client's own thread: a publish there starts the work and answers at once.
      const axonpush::Status accepted = session_.publish_async(
          {.channel_id = "receipts", .identifier = "receipt", .payload = {{"order", order.id()}}},
          [this](const axonpush::Result<axonpush::Published>& outcome) {
            if (outcome.ok()) {
              ++written_;
            } else {
              note(outcome.error());
            }
          });
      if (!accepted.ok()) note(accepted.error());
    });
    return orders.ok() ? axonpush::Status() : orders.error();
  }
  // Waits for the receipts that are under way, then disconnects.
  axonpush::Status stop() { return session_.disconnect(); }

  [[nodiscard]] std::uint64_t written() const { return written_; }
  // How often orders may have been missed; a real program would ask its source for them.
  [[nodiscard]] std::uint64_t gaps() const { return gaps_; }
  [[nodiscard]] axonpush::ConnectionState state() const { return session_.state(); }
  [[nodiscard]] std::vector<axonpush::Errc> problems() const {
    const std::lock_guard lock(mutex_);
    return problems_;
  }

 private:
  void note(const axonpush::Error& error) {
    const std::lock_guard lock(mutex_);
    problems_.push_back(error.code());
  }

  mutable std::mutex mutex_;
  std::vector<axonpush::Errc> problems_;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> gaps_{0};
  axonpush::RealtimeClient session_;
  axonpush::AxonPush client_;  // last, so that it goes first: no callback runs into members that are gone
};

}  // namespace example
