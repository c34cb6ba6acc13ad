#include "client/wishes.h"

namespace axonpush::inline v0 {

namespace {

template <class Options>
struct Wait {
  Duration Options::*member;
  Duration least;
  Duration most;
  const char* complaint;
};

constexpr Wait<ClientOptions> kClientWaits[] = {
    {&ClientOptions::timeout, limits::kWaitMin, limits::kWaitMax, "timeout must be from 1 ms to 1 h"},
    {&ClientOptions::fetch_timeout, limits::kWaitMin, limits::kWaitMax, "fetch_timeout must be from 1 ms to 1 h"},
    {&ClientOptions::resolve_timeout, limits::kWaitMin, limits::kWaitMax, "resolve_timeout must be from 1 ms to 1 h"},
    {&ClientOptions::connect_timeout, limits::kWaitMin, limits::kConnectTimeoutMax,
     "connect_timeout must be from 1 ms to 10 s"},
    {&ClientOptions::handshake_timeout, limits::kWaitMin, limits::kWaitMax,
     "handshake_timeout must be from 1 ms to 1 h"},
    {&ClientOptions::head_timeout, limits::kWaitMin, limits::kWaitMax, "head_timeout must be from 1 ms to 1 h"},
};

constexpr Wait<RealtimeOptions> kRealtimeWaits[] = {
    {&RealtimeOptions::credentials_refresh_lead, limits::kRefreshLeadMin, limits::kRefreshLeadMax,
     "credentials_refresh_lead must be from 1 s to 24 h"},
    {&RealtimeOptions::swap_grace, Duration::zero(), limits::kWaitMax, "swap_grace must be from 0 to 1 h"},
    {&RealtimeOptions::drain_timeout, Duration::zero(), limits::kWaitMax, "drain_timeout must be from 0 to 1 h"},
    {&RealtimeOptions::dial_timeout, limits::kWaitMin, limits::kWaitMax, "dial_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::resolve_timeout, limits::kWaitMin, limits::kWaitMax, "resolve_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::connect_timeout, limits::kWaitMin, limits::kConnectTimeoutMax,
     "connect_timeout must be from 1 ms to 10 s"},
    {&RealtimeOptions::handshake_timeout, limits::kWaitMin, limits::kWaitMax,
     "handshake_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::upgrade_timeout, limits::kWaitMin, limits::kWaitMax, "upgrade_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::connack_timeout, limits::kWaitMin, limits::kWaitMax, "connack_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::suback_timeout, limits::kWaitMin, limits::kWaitMax, "suback_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::puback_timeout, limits::kWaitMin, limits::kWaitMax, "puback_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::pingresp_timeout, limits::kWaitMin, limits::kWaitMax,
     "pingresp_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::packet_timeout, limits::kWaitMin, limits::kWaitMax, "packet_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::close_timeout, limits::kWaitMin, limits::kWaitMax, "close_timeout must be from 1 ms to 1 h"},
    {&RealtimeOptions::old_read_timeout, limits::kWaitMin, limits::kWaitMax,
     "old_read_timeout must be from 1 ms to 1 h"},
};

template <class Options, std::size_t kCount>
Error check(const Options& options, const Wait<Options> (&waits)[kCount]) noexcept {
  for (const Wait<Options>& wait : waits) {
    const Duration value = options.*wait.member;
    if (value < wait.least || value > wait.most) return Error(Errc::invalid_argument, wait.complaint);
  }
  return {};
}

}  // namespace

Error check_waits(const ClientOptions& options) noexcept { return check(options, kClientWaits); }

Error check_wishes(const RealtimeOptions& options) noexcept {
  if (Error error = check(options, kRealtimeWaits)) return error;
  // MQTT 5 3.1.2.10: whole seconds in two bytes. Less than one would turn it off in silence.
  const bool off = options.keep_alive == Duration::zero();
  if (!off && (options.keep_alive < seconds(1) || options.keep_alive > seconds(65'535))) {
    return Error(Errc::invalid_argument, "keep_alive must be 0 or from 1 s to 65,535 s").by("MQTT 5 3.1.2.10");
  }
  if (options.qos == Qos::exactly_once) {
    return Error(Errc::invalid_argument, "qos must be 0 or 1: AWS IoT Core has no QoS 2");
  }
  // MQTT 5 3.1.2.11.4: it is a Protocol Error to announce 0.
  if (options.packet_bytes_max == 0 ||
      options.packet_bytes_max > limits::kMqttRemainingLength + limits::kMqttFixedHeaderBytes) {
    return Error(Errc::invalid_argument, "packet_bytes_max must be from 1 to 268,435,460").by("MQTT 5 3.1.2.11.4");
  }
  if (options.subscriptions_max > limits::kSubscriptionsCeiling) {
    return Error(Errc::invalid_argument, "subscriptions_max must not be over 1,000");
  }
  return {};
}

bool same_wishes(const RealtimeOptions& left, const RealtimeOptions& right) noexcept {
  if (right.on_error || right.on_state || right.on_gap) return false;
  for (const Wait<RealtimeOptions>& wait : kRealtimeWaits) {
    if (left.*wait.member != right.*wait.member) return false;
  }
  return left.environment == right.environment && left.qos == right.qos && left.subprotocols == right.subprotocols &&
         left.keep_alive == right.keep_alive && left.refresh_jitter == right.refresh_jitter &&
         left.retry_jitter == right.retry_jitter && left.ordered_swap == right.ordered_swap &&
         left.latency_histograms == right.latency_histograms && left.receive_maximum == right.receive_maximum &&
         left.packet_bytes_max == right.packet_bytes_max && left.publish_queue_count == right.publish_queue_count &&
         left.publish_queue_bytes == right.publish_queue_bytes &&
         left.publish_payload_bytes == right.publish_payload_bytes && left.subscriptions_max == right.subscriptions_max;
}

}  // namespace axonpush::inline v0
