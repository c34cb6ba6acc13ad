// The credentials that were handed out, and the JSON in which they are.
//
// Thread rule: the service's thread.
#pragma once

#include <axonpush/testing/loopback_service.h>

#include <string>
#include <unordered_map>

namespace axonpush::inline v0::testing {

struct Issued {
  std::string token;
  std::string client_id;
  WallTime expires_at;
};

class CredentialStore {
 public:
  explicit CredentialStore(const LoopbackOptions& options)
      : options_(options), lifetime_(options.credentials_lifetime) {}

  // Makes up a token, or answers one without when there is no randomness.
  [[nodiscard]] Issued issue(Instant now, WallTime wall_now);
  enum class Verdict : std::uint8_t {
    valid,
    unknown,
    expired
  };
  // What the MQTT user name is worth: a token in its lifetime, or the API key itself.
  [[nodiscard]] Verdict check(std::string_view user_name, Instant now) const;
  void expire_all() { expired_below_ = next_number_; }
  void lifetime(Duration lifetime) { lifetime_ = lifetime; }

 private:
  struct Known {
    std::uint64_t number = 0;
    Instant expires = Instant::never();
  };

  const LoopbackOptions& options_;
  Duration lifetime_;
  std::uint64_t next_number_ = 1;
  std::uint64_t expired_below_ = 0;  // credentials with a smaller number were expired by hand
  std::unordered_map<std::string, Known> known_;
};

// What the endpoint answers with 200. `broker_url` is the own broker's.
[[nodiscard]] std::string credentials_json(const LoopbackOptions& options, const Issued& issued,
                                           std::string_view broker_url);
// The error envelope that the backend sends with this status.
[[nodiscard]] std::string envelope_json(std::uint16_t status, std::string_view message, std::string_view hint,
                                        std::string_view request_id);
// "2026-11-24T02:30:00.123Z"
[[nodiscard]] std::string rfc3339_of(WallTime time);

// What the URL in credentials says behind '?', and what the broker then expects to be asked with.
inline constexpr std::string_view kAuthorizerQuery = "x-amz-customauthorizer-name=axonpush-loopback";
inline constexpr std::string_view kAuthorizerName = "axonpush-loopback";
inline constexpr std::string_view kBrokerPath = "/mqtt";

}  // namespace axonpush::inline v0::testing
