// Every limit of the library: name, unit, default, reason, clause. Reaching one is a defined Error.
//
// Thread rule: constants only. Options may lower or raise those whose comment says "an option".
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/time.h>

namespace axonpush::inline v0::limits {

// --- Text of a peer
// A Reason String or an envelope's message as kept on an Error; escaped, then cut. More would only fill a log.
inline constexpr std::size_t kServerTextBytes = 256;

// --- URL (RFC 3986, RFC 1035 2.3.4)
inline constexpr std::size_t kUrlBytes = 8 * 1024;  // presigned queries reach about 2 KiB
inline constexpr std::size_t kHostBytes = 253;      // RFC 1035 2.3.4: 255 octets on the wire
inline constexpr std::size_t kHostLabelBytes = 63;  // RFC 1035 2.3.4

// --- Configuration bound for headers
inline constexpr std::size_t kApiKeyBytes = 4 * 1024;
inline constexpr std::size_t kHeaderOptionBytes = 256;  // tenant_id, environment, trace headers
inline constexpr std::size_t kAuthTokenBytes = 65'535;  // MQTT 5 1.5.4: it becomes the User Name

// --- HTTP/1.1 response (RFC 9110 5.4: a client may limit)
inline constexpr std::size_t kHttpStatusLineBytes = 8 * 1024;
inline constexpr std::size_t kHttpHeaderLineBytes = 8 * 1024;
inline constexpr std::size_t kHttpHeadBytes = 32 * 1024;
inline constexpr std::size_t kHttpHeaderCount = 100;
inline constexpr std::size_t kHttpInterimCount = 8;
inline constexpr std::size_t kHttpBodyBytes = 64 * 1024;  // credentials take under 4 KiB
inline constexpr std::size_t kHttpErrorBodyBytes = 4 * 1024;
inline constexpr std::size_t kHttpChunkLineBytes = 256;
inline constexpr std::size_t kHttpTrailerBytes = 4 * 1024;
inline constexpr std::size_t kHttpChunkOverheadFactor = 4;  // RFC 9112 7.1.1: chunk framing <= 4 x the body limit
inline constexpr std::size_t kHttpRequestHeadBytes = 16 * 1024;

// --- WebSocket (RFC 6455 10.4: an implementation should limit)
inline constexpr std::size_t kWsHandshakeBytes = 16 * 1024;
inline constexpr std::uint64_t kWsFramePayloadBytes = 16 * 1024 * 1024;  // streamed, nothing is reserved for it
inline constexpr std::uint64_t kWsMessageBytes = 16 * 1024 * 1024;       // an option
inline constexpr std::uint32_t kWsFragmentCount = 65'536;                // of one message; an option
inline constexpr std::uint32_t kWsEmptyFramesInARow = 1'000;
inline constexpr std::size_t kWsControlPayloadBytes = 125;  // RFC 6455 5.5
inline constexpr std::size_t kWsHeaderBytes = 14;           // RFC 6455 5.2: 2 + 8 + 4

// --- MQTT 5
inline constexpr std::uint32_t kMqttPacketBytes = 256 * 1024;       // announced as Maximum Packet Size; an option
inline constexpr std::uint32_t kMqttRemainingLength = 268'435'455;  // MQTT 5 1.5.5
inline constexpr std::size_t kMqttFixedHeaderBytes = 5;
inline constexpr std::uint16_t kMqttReceiveMaximum = 64;         // announced: what may wait for our PUBACK; an option
inline constexpr std::uint16_t kMqttInflightOut = 100;           // AWS IoT Core: unacknowledged QoS 1 messages
inline constexpr std::uint16_t kMqttTopicAliasIn = 0;            // announced; 0: aliases save nothing on a TLS link
inline constexpr std::uint16_t kMqttTopicAliasOut = 8;           // AWS IoT Core's maximum
inline constexpr std::size_t kMqttClientIdBytes = 128;           // AWS IoT Core
inline constexpr std::size_t kTopicOutBytes = 256;               // AWS IoT Core
inline constexpr std::size_t kTopicInBytes = 65'535;             // MQTT 5 1.5.4
inline constexpr std::size_t kTopicSegments = 7;                 // AWS IoT Core: at most 7 slashes
inline constexpr std::size_t kPublishPayloadBytes = 128 * 1024;  // AWS IoT Core; an option
inline constexpr std::size_t kFiltersPerSubscribe = 8;           // AWS IoT Core

// --- JSON (RFC 8259 9: an implementation may limit)
inline constexpr std::size_t kJsonBytes = 256 * 1024;
inline constexpr std::size_t kJsonDepth = 64;
inline constexpr std::size_t kJsonNodes = 50'000;
inline constexpr std::size_t kCredentialsBytes = 64 * 1024;
inline constexpr std::size_t kCredentialsNodes = 10'000;

// --- Client
inline constexpr std::size_t kSubscriptionsMax = 50;  // AWS IoT Core; an option up to kSubscriptionsCeiling
inline constexpr std::size_t kSubscriptionsCeiling = 1'000;
inline constexpr std::size_t kCallbacksPerFilter = 1'000;
inline constexpr std::size_t kPublishQueueCount = 1'024;            // an option
inline constexpr std::size_t kPublishQueueBytes = 4 * 1024 * 1024;  // an option
inline constexpr std::size_t kSwapDedupEntries = 65'536;
inline constexpr std::size_t kReconnectDedupEntries = 4'096;
inline constexpr std::size_t kDnsAddresses = 16;
inline constexpr std::size_t kTlsSessions = 4;

// --- Time (each an option unless it says otherwise)
inline constexpr Duration kHttpAttemptTimeout = seconds(30);
inline constexpr Duration kHttpHeadTimeout = seconds(10);
inline constexpr Duration kFetchTimeout = seconds(60);       // all attempts of one fetch
inline constexpr Duration kRetryAfterInFetch = seconds(10);  // a longer Retry-After ends the fetch; not an option
inline constexpr Duration kRetryAfterMax = seconds(300);     // not an option
inline constexpr Duration kDialTimeout = seconds(30);        // name to CONNACK
inline constexpr Duration kResolveTimeout = seconds(5);
inline constexpr Duration kConnectTimeout = seconds(5);
inline constexpr Duration kHandshakeTimeout = seconds(10);
inline constexpr Duration kUpgradeTimeout = seconds(10);
inline constexpr Duration kConnackTimeout = seconds(10);  // AWS: the authorizer alone may take 5 s
inline constexpr Duration kSubackTimeout = seconds(10);
inline constexpr Duration kPubackTimeout = seconds(20);
inline constexpr Duration kPingrespTimeout = seconds(10);  // min with half the keep alive
inline constexpr Duration kPacketTimeout = seconds(30);    // one packet, first byte to last
inline constexpr Duration kDrainTimeout = seconds(5);
inline constexpr Duration kCloseTimeout = seconds(2);  // RFC 6455 7.1.1: our Close is not answered
inline constexpr Duration kOverlapGrace = seconds(2);
inline constexpr Duration kOldReadTimeout = seconds(2);  // after our DISCONNECT on the retired connection
inline constexpr Duration kDedupHold = seconds(5);       // after the retired connection's end; not an option
inline constexpr Duration kKeepAlive = seconds(30);      // AWS: 30 to 1200 s
inline constexpr Duration kRefreshLead = seconds(60);
inline constexpr Duration kRefreshFloor = seconds(5);          // between two refresh starts; not an option
inline constexpr Duration kConnectionLifetimeMax = hours(24);  // AWS ends a WebSocket then; not an option
inline constexpr Duration kBackoffResetAfter = seconds(30);    // of being connected; not an option
inline constexpr Duration kReconnectBase = seconds(1);         // not an option
inline constexpr Duration kReconnectMax = seconds(60);         // not an option
inline constexpr Duration kSessionExpiry = seconds(300);       // not an option
// Between these an option that is a wait may lie; drain_timeout and swap_grace may be zero too.
inline constexpr Duration kWaitMin = milliseconds(1);
inline constexpr Duration kWaitMax = hours(1);
inline constexpr Duration kConnectTimeoutMax = seconds(10);  // of connect_timeout: TCP over all addresses of a name
inline constexpr Duration kRefreshLeadMin = seconds(1);
inline constexpr Duration kRefreshLeadMax = hours(24);

static_assert(kPublishPayloadBytes < kMqttPacketBytes, "a publish of the largest payload must fit into a packet");
static_assert(kRefreshLead > kHttpAttemptTimeout + kResolveTimeout, "a refresh must fit into its lead");
static_assert(kDialTimeout >= kConnackTimeout + kUpgradeTimeout);

}  // namespace axonpush::inline v0::limits
