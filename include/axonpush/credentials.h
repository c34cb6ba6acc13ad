// The answer of the credentials endpoint as a value: judged once, whole, before anything connects with it.
//
// Who calls it: the client, after each fetch. Nothing secret gets into an Error: not the URL's query, not the token.
// Thread rule: none, values. Source: CONTRACT section 2, BAD_INPUTS section 9.
#pragma once

#include <axonpush/base/fixed_text.h>
#include <axonpush/base/result.h>
#include <axonpush/base/secret.h>
#include <axonpush/limits.h>
#include <axonpush/topic.h>

namespace axonpush::inline v0 {

// Move-only and owning. An absent member is empty: null and "" count as absent.
struct Credentials {
  SecretString url;         // presignedWssUrl, byte for byte; it parses, and its scheme is wss or ws
  SecretString auth_token;  // becomes the MQTT user name; at most kAuthTokenBytes
  FixedText<limits::kMqttClientIdBytes> client_id;
  TopicPrefix topic_prefix;  // passes check_topic_prefix
  FixedText<limits::kTopicOutBytes> env_slug;
  WallTime expires_at;

  // Told by the service and needed by nobody to connect; one that does not fit is left empty.
  FixedText<limits::kHostBytes> endpoint;
  FixedText<64> region;
  FixedText<limits::kMqttClientIdBytes> authorizer_name;
  FixedText<limits::kTopicOutBytes> topic_template;
};

// Judges a body of the endpoint. json_invalid, json_too_deep, json_too_large: no JSON object within the limits;
// url_invalid: presignedWssUrl is no WebSocket URL; credentials_invalid: a required member is absent, a known one is
// given twice, of the wrong type, or has a value that cannot be used; no_memory. Whether it has expired is life_left's.
[[nodiscard]] Result<Credentials> parse_credentials(Bytes body) noexcept;

// How long they may be used, counted from the moment the request was sent: expires_at less the response's Date when
// `date_count` is 1 and `date` is valid, else less `wall_now`; at most kConnectionLifetimeMax. credentials_expired when
// nothing is left. `skewed` tells whether Date and the local clock differ by more than 24 h, which changes nothing
// else.
[[nodiscard]] Result<Duration> life_left(WallTime expires_at, std::string_view date, std::size_t date_count,
                                         WallTime wall_now, bool& skewed) noexcept;

}  // namespace axonpush::inline v0
