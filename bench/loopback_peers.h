// Other clients doing the same work, with -DAXONPUSH_BENCH_PEERS=ON: Debian's paho C (asynchronous, over secure
// WebSocket), libmosquitto 2.0.11 (over plain TLS: it has no WebSocket client) and, where node is present and
// AXONPUSH_MQTTJS names a directory in which `npm install mqtt` was run, mqtt.js.
#pragma once

#include "loopback_counts.h"
#include "loopback_work.h"

namespace axonpush::bench {

// The peers that can do this work and are there.
[[nodiscard]] std::vector<std::string> peers_for(const Work& work);
[[nodiscard]] Measured run_peer(const std::string& name, const Work& work, const Target& target);

[[nodiscard]] Measured run_paho(const Work& work, const Target& target);
[[nodiscard]] Measured run_mosquitto(const Work& work, const Target& target);
// Runs node in a process of its own.
[[nodiscard]] Measured run_mqttjs(const Work& work, const Target& target);

// What every peer does, whatever its interface: counts what is done, publishes the next ones, measures.
class PeerRun {
 public:
  explicit PeerRun(const Work& work) : work_(work) { samples_.reserve(work.traffic == Traffic::echo ? work.count : 0); }
  virtual ~PeerRun() = default;
  PeerRun(const PeerRun&) = delete;
  PeerRun& operator=(const PeerRun&) = delete;

 protected:
  // How many publishes a QoS 0 publisher makes before it waits to be told that they went.
  static constexpr std::uint64_t kBatch = 256;

  // Publishes event `row`; on_published() is told later when `tell` is set.
  virtual void publish(std::uint64_t row, bool tell) = 0;

  void begin();  // connected, and subscribed where it has to be
  void on_received(std::size_t bytes);
  void on_published();
  [[nodiscard]] bool over() const { return __atomic_load_n(&over_, __ATOMIC_ACQUIRE); }
  [[nodiscard]] Measured measured();
  [[nodiscard]] const Work& work() const { return work_; }

 private:
  [[nodiscard]] std::uint64_t total() const { return work_.warm + work_.count; }
  void note(std::uint64_t done);
  void publish_batch();

  Work work_;
  std::uint64_t done_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t started_at_ = 0;
  Usage before_, after_;
  std::vector<std::uint64_t> samples_;
  bool over_ = false;
};

}  // namespace axonpush::bench
