#include "loopback_peers.h"

#include <algorithm>
#include <cstdlib>

#include "loopback_process.h"

namespace axonpush::bench {

void PeerRun::note(std::uint64_t done) {
  if (before_.wall_ns == 0 && done >= work_.warm) before_ = Usage::now();
  if (after_.wall_ns == 0 && done >= total()) {
    after_ = Usage::now();
    __atomic_store_n(&over_, true, __ATOMIC_RELEASE);
  }
}

void PeerRun::publish_batch() {
  const std::uint64_t last = std::min(sent_ + kBatch, total());
  while (sent_ + 1 < last) publish(sent_++, false);
  publish(sent_++, true);
}

void PeerRun::begin() {
  if (work_.warm == 0) note(0);
  if (work_.traffic == Traffic::in) return;
  if (work_.traffic == Traffic::out && work_.qos == 0) return publish_batch();
  started_at_ = monotonic_ns();
  const unsigned window = work_.traffic == Traffic::echo ? 1 : kWindow;
  for (unsigned at = 0; at < window; ++at) publish(sent_++, work_.traffic == Traffic::out);
}

void PeerRun::on_received(std::size_t bytes) {
  bytes_ += bytes;
  ++done_;
  if (work_.traffic == Traffic::echo) {
    if (done_ > work_.warm) samples_.push_back(monotonic_ns() - started_at_);
    if (done_ < total()) {
      started_at_ = monotonic_ns();
      publish(0, false);
    }
  }
  if (done_ == work_.warm || done_ == total()) note(done_);
}

void PeerRun::on_published() {
  if (work_.traffic != Traffic::out) return;
  if (work_.qos == 0) {
    note(sent_);
    if (sent_ < total()) publish_batch();
    return;
  }
  note(++done_);
  if (sent_ < total()) publish(sent_++, true);
}

Measured PeerRun::measured() {
  Measured all = per_message(before_, after_, work_.count);
  std::sort(samples_.begin(), samples_.end());
  all.samples = std::move(samples_);
  return all;
}

#if defined(AXONPUSH_BENCH_PEERS)

namespace {

const char* mqttjs_directory() { return std::getenv("AXONPUSH_MQTTJS"); }

}  // namespace

std::vector<std::string> peers_for(const Work& work) {
  // Serialising from the library's own Message is nothing that others do; mqtt.js is also run reading JSON, as the
  // product's TypeScript SDK does.
  const bool own = work.json && work.traffic == Traffic::out;
  if (own) return {};
  std::vector<std::string> names;
  if (!work.json) names = {"paho", "mosquitto (TLS)"};
  if (mqttjs_directory() != nullptr) names.emplace_back("mqtt.js");
  return names;
}

Measured run_peer(const std::string& name, const Work& work, const Target& target) {
  if (name == "paho") return run_paho(work, target);
  if (name == "mosquitto (TLS)") return run_mosquitto(work, target);
  if (name == "mqtt.js") return run_mqttjs(work, target);
  die("there is no contestant of this name", name);
}

Measured run_mqttjs(const Work& work, const Target& target) {
  Process node({AXONPUSH_BENCH_DIR "/loopback_mqttjs.cjs", mqttjs_directory(), client_id_of(work),
                std::to_string(work.warm), std::to_string(work.count), std::to_string(target.port), target.ca_file,
                work.json ? "json" : "raw", std::to_string(kWindow), std::to_string(kReceiveMaximum)},
               "node");
  const std::string output = node.read_all();
  Measured measured;
  if (!node.succeeded() || !parse_measured(output, measured)) die("mqtt.js failed");
  std::sort(measured.samples.begin(), measured.samples.end());
  return measured;
}

#else

std::vector<std::string> peers_for(const Work&) { return {}; }

Measured run_peer(const std::string& name, const Work&, const Target&) {
  die("there is no contestant of this name", name);
}

#endif

}  // namespace axonpush::bench
