// Typed records of what a client does, for a flight recorder or a log of the host's own. The library itself logs
// nothing.
//
// Records hold numbers and enumerators only: no peer's text, no secret, no payload. Thread rule: the sink is called on
// the loop's thread, with no lock held, in the middle of things: calls into the client from there are refused with
// `closed`, and the client must not be destroyed there. ClientOptions::on_trace is the hook that may do both.
#pragma once

#include <axonpush/base/error.h>
#include <axonpush/base/time.h>

namespace axonpush::inline v0 {

enum class TraceKind : std::uint8_t {
  fetch_started,
  fetch_done,  // number: HTTP status
  fetch_failed,
  dial_started,  // connection
  transport_open,
  upgraded,   // the WebSocket handshake is done
  packet_in,  // number: MQTT packet type; size
  packet_out,
  state,      // number: ConnectionState
  input,      // what the refresh machine is told; number: refresh::InputKind, size: the refresh::Phase it meets
  swap_step,  // number: refresh::Phase
  active,     // this connection is the active one from now on
  retired,
  lost,
  closed,
  error,
};
[[nodiscard]] std::string_view name_of(TraceKind kind) noexcept;

struct TraceRecord {
  Instant at;
  std::uint64_t connection = 0;
  std::uint32_t number = 0;
  std::uint32_t size = 0;
  TraceKind kind = TraceKind::error;
  Errc error = Errc::none;
};

class TraceSink {
 public:
  virtual void record(const TraceRecord& record) noexcept = 0;

 protected:
  ~TraceSink() = default;
};

// The last N records, in place (20 KiB). A host keeps one, hands it to the client as ClientOptions::trace, and dumps it
// when something went wrong, on the loop's thread or when the client is gone:
//
//   char line[FlightRecorder::kJsonBytes];
//   for (std::size_t at = 0; at < recorder.size(); ++at) {
//     std::printf("%.*s\n", static_cast<int>(FlightRecorder::format_json(recorder[at], line)), line);
//   }
class FlightRecorder final : public TraceSink {
 public:
  static constexpr std::size_t kCapacity = 512;
  static constexpr std::size_t kJsonBytes = 256;  // enough for any record
  void record(const TraceRecord& record) noexcept override;
  [[nodiscard]] std::size_t size() const noexcept { return total_ < kCapacity ? total_ : kCapacity; }
  // All that were ever recorded, those that are gone included.
  [[nodiscard]] std::size_t total() const noexcept { return total_; }
  // 0 is the oldest that is still there.
  [[nodiscard]] const TraceRecord& operator[](std::size_t index) const noexcept;
  // One JSON object, without a line's end: {"at_ns","kind","connection","number","what","size","error"}, where `what`
  // is the name of the packet, state, phase or input that the number stands for. Answers the bytes written, 0 when it
  // does not fit.
  static std::size_t format_json(const TraceRecord& record, std::span<char> into) noexcept;

 private:
  std::size_t total_ = 0;
  TraceRecord records_[kCapacity];
};

}  // namespace axonpush::inline v0
