// FAULTS 3.4, what has a size or a count: at the limit all is well, one more is the defined error. Limits that have
// their test beside their layer's others are not here; the tidy test knows that each is named in some test.
#include <axonpush/credentials.h>
#include <axonpush/http/http1.h>
#include <axonpush/http/url.h>
#include <axonpush/json/reader.h>
#include <axonpush/mqtt/packet.h>
#include <axonpush/ws/frame.h>
#include <gtest/gtest.h>

#include "client/scenario.h"
#include "mqtt/session_support.h"

namespace axonpush::test {
namespace {

namespace lim = axonpush::limits;

std::string of_size(std::size_t size) { return std::string(size, 'x'); }

TEST(LimitsUrl, WholeHostAndLabel) {
  const auto code = [](const std::string& url) { return http::parse_url(url).error().code(); };
  const std::string start = "https://h/";
  EXPECT_EQ(code(start + of_size(lim::kUrlBytes - start.size())), Errc::none);
  EXPECT_EQ(code(start + of_size(lim::kUrlBytes - start.size() + 1)), Errc::url_invalid);
  EXPECT_EQ(code("https://" + of_size(lim::kHostLabelBytes) + ".x/"), Errc::none);
  EXPECT_EQ(code("https://" + of_size(lim::kHostLabelBytes + 1) + ".x/"), Errc::url_invalid);
  std::string host;
  while (host.size() + 64 <= lim::kHostBytes) host += of_size(lim::kHostLabelBytes) + ".";
  host += of_size(lim::kHostBytes - host.size());
  ASSERT_EQ(host.size(), lim::kHostBytes);
  EXPECT_EQ(code("https://" + host + "/"), Errc::none);
  EXPECT_EQ(code("https://" + host + "y/"), Errc::url_invalid);
}

TEST(LimitsOptions, KeyAndHeaders) {
  const auto code = [](const std::function<void(ClientOptions&)>& change) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    change(options);
    scene.make(std::move(options));
    return scene.client->error().code();
  };
  EXPECT_EQ(code([](ClientOptions& options) { options.api_key = of_size(lim::kApiKeyBytes); }), Errc::none);
  EXPECT_EQ(code([](ClientOptions& options) { options.api_key = of_size(lim::kApiKeyBytes + 1); }),
            Errc::header_invalid);
  for (std::string ClientOptions::*member :
       {&ClientOptions::tenant_id, &ClientOptions::environment, &ClientOptions::trace_id, &ClientOptions::baggage}) {
    EXPECT_EQ(code([&](ClientOptions& options) { options.*member = of_size(lim::kHeaderOptionBytes); }), Errc::none);
    EXPECT_EQ(code([&](ClientOptions& options) { options.*member = of_size(lim::kHeaderOptionBytes + 1); }),
              Errc::header_invalid);
  }
}

std::string credentials(const std::string& token, const std::string& client_id) {
  return R"({"presignedWssUrl":"wss://b/","expiresAt":"2026-09-21T12:00:00Z","authToken":")" + token +
         R"(","clientId":")" + client_id + "\"}";
}

TEST(LimitsCredentials, BodyTokenAndClientId) {
  const auto code = [](const std::string& body) { return parse_credentials(bytes_of(body)).error().code(); };
  // The body's limit is reached first: a token over kAuthTokenBytes cannot come.
  static_assert(lim::kCredentialsBytes <= lim::kAuthTokenBytes + 1);
  const std::size_t rest = credentials("", "c").size();
  EXPECT_EQ(code(credentials(of_size(lim::kCredentialsBytes - rest), "c")), Errc::none);
  EXPECT_EQ(code(credentials(of_size(lim::kCredentialsBytes - rest + 1), "c")), Errc::json_too_large);
  EXPECT_EQ(code(credentials("t", of_size(lim::kMqttClientIdBytes))), Errc::none);
  EXPECT_EQ(code(credentials("t", of_size(lim::kMqttClientIdBytes + 1))), Errc::credentials_invalid);
}

// The head of a response of exactly so many bytes, in lines that are themselves within their limit.
std::string head_of(std::string start, std::size_t size) {
  constexpr std::size_t kLine = 4'000;
  while (size - start.size() - 2 > 2 * kLine) start += "p: " + of_size(kLine - 5) + "\r\n";
  const std::size_t half = (size - start.size() - 2) / 2;
  start += "p: " + of_size(half - 5) + "\r\n";
  start += "p: " + of_size(size - start.size() - 2 - 5) + "\r\n";
  return start + "\r\n";
}

TEST(LimitsHttp, TheHead) {
  const auto code = [](std::size_t size) {
    std::string head = head_of("HTTP/1.1 204 N\r\n", size);
    EXPECT_EQ(head.size(), size);
    http::ResponseDecoder decoder;
    static_cast<void>(decoder.next(bytes_of(head)));
    return decoder.error().code();
  };
  EXPECT_EQ(code(lim::kHttpHeadBytes), Errc::none);
  EXPECT_EQ(code(lim::kHttpHeadBytes + 1), Errc::http_too_large);
}

// White space in front of the body's end makes it any size.
std::string padded(const std::string& object, std::size_t size) {
  return object.substr(0, object.size() - 1) + std::string(size - object.size(), ' ') + "}";
}

TEST(LimitsHttp, TheBodyOfAnAnswerAndOfAnError) {
  const auto connect = [](int status, std::size_t size) {
    Scenario scene;
    ClientOptions options = Scenario::client_options();
    options.max_retries = 0;
    scene.make(std::move(options));
    const std::string body = status == 200 ? scene.api.credentials_body() : R"({"message":"words"})";
    scene.api.next.push_back({.status = status, .body = padded(body, size)});
    static_cast<void>(scene.connect());
    return std::pair(scene.connect_error.code(), std::string(scene.connect_error.server_words().message));
  };
  EXPECT_EQ(connect(200, lim::kHttpBodyBytes).first, Errc::none);
  EXPECT_EQ(connect(200, lim::kHttpBodyBytes + 1).first, Errc::http_too_large);
  EXPECT_EQ(connect(403, lim::kHttpErrorBodyBytes), (std::pair<Errc, std::string>(Errc::forbidden, "words")));
  EXPECT_EQ(connect(403, lim::kHttpErrorBodyBytes + 1).second, "") << "cut, and then no JSON any more";
}

TEST(LimitsWs, TheHandshake) {
  const auto connect = [](std::size_t size) {
    Scenario scene;
    scene.broker.upgrade_head = [size](std::string head) { return head_of(head.substr(0, head.size() - 2), size); };
    static_cast<void>(scene.connect());
    return scene.connect_error.code();
  };
  EXPECT_EQ(connect(lim::kWsHandshakeBytes), Errc::none);
  EXPECT_NE(connect(lim::kWsHandshakeBytes + 1), Errc::none);
}

TEST(LimitsWs, TheBodyOfARefusalIsNotWaitedFor) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{64} * 1024}) {
    Scenario scene;
    scene.broker.upgrade_head = [size](const std::string&) {
      return "HTTP/1.1 503 No\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x');
    };
    EXPECT_FALSE(scene.connect());
    EXPECT_EQ(scene.connect_error.number(), 503U) << size;
  }
}

ws::Rule frames_rule(ws::FrameDecoder& decoder, std::string head, std::size_t payload) {
  std::vector<std::uint8_t> stream(head.begin(), head.end());
  stream.resize(stream.size() + payload);
  for (std::span<std::uint8_t> left(stream); !left.empty();) {
    const ws::FrameDecoder::Step step = decoder.next(left);
    if (step.kind == ws::FrameDecoder::Kind::error) return step.rule;
    if (step.kind == ws::FrameDecoder::Kind::need_more) break;
    left = left.subspan(step.consumed);
  }
  return ws::Rule{};
}

TEST(LimitsWs, AMessage) {
  // Two frames: the second one fills the message to its limit, or one byte over it.
  for (const std::size_t over : {0U, 1U}) {
    ws::FrameDecoder decoder;
    const std::string first("\x02\x7F\0\0\0\0\0\x80\0\0", 10);  // 8 MiB
    EXPECT_EQ(frames_rule(decoder, first, lim::kWsMessageBytes / 2), ws::Rule{});
    const std::string second = std::string("\x80\x7F\0\0\0\0\0\x80\0", 9) + static_cast<char>(over);
    EXPECT_EQ(frames_rule(decoder, second, over == 0 ? lim::kWsMessageBytes / 2 : 0) == ws::Rule{}, over == 0);
  }
}

TEST(LimitsWs, TheFragmentsOfAMessage) {
  ws::FrameDecoder decoder;
  EXPECT_EQ(frames_rule(decoder, std::string("\x02\x01x", 3), 0), ws::Rule{});
  for (std::uint32_t count = 1; count < lim::kWsFragmentCount; ++count) {
    ASSERT_EQ(frames_rule(decoder, std::string("\x00\x01x", 3), 0), ws::Rule{}) << count;
  }
  EXPECT_NE(frames_rule(decoder, std::string("\x00\x01x", 3), 0), ws::Rule{});
}

TEST(LimitsMqtt, WhatWaitsForOurPuback) {  // [MQTT-3.3.4-7]
  ServerPackets packets;
  ClientTerms terms;
  ASSERT_EQ(terms.receive_maximum, lim::kMqttReceiveMaximum) << "what CONNECT announces";
  Session session(terms);
  session.on_connecting(terms, kStart);
  static_cast<void>(session.on_packet(packets.connack(), kStart));
  std::uint16_t id = 1;
  for (; id <= lim::kMqttReceiveMaximum; ++id) {
    ASSERT_EQ(session.on_packet(packets.publish(Qos::at_least_once, id), kStart).kind, Verdict::Kind::publish) << id;
  }
  const Verdict over = session.on_packet(packets.publish(Qos::at_least_once, id), kStart);
  EXPECT_EQ(over.kind, Verdict::Kind::error);
  EXPECT_EQ(over.close_with, ReasonCode::receive_maximum_exceeded);
}

TEST(LimitsMqtt, TopicAliasesInAndOut) {  // [MQTT-3.3.2-9]
  ServerPackets packets;
  ClientTerms terms;
  ASSERT_EQ(terms.topic_alias_maximum, lim::kMqttTopicAliasIn);
  Session session(terms);
  session.on_connecting(terms, kStart);
  static_cast<void>(
      session.on_packet(packets.connack(ReasonCode::success, false, {{Property::topic_alias_maximum, 100}}), kStart));
  for (std::uint16_t count = 1; count <= lim::kMqttTopicAliasOut; ++count) {
    EXPECT_EQ(session.assign_alias("t" + std::to_string(count)).alias, count);
  }
  const Session::Alias one_more = session.assign_alias("one more");
  EXPECT_LE(one_more.alias, lim::kMqttTopicAliasOut);
  EXPECT_TRUE(one_more.send_topic);
  const Verdict in =
      session.on_packet(packets.publish(Qos::at_most_once, 0, "a", {{Property::topic_alias, 1}}), kStart);
  EXPECT_EQ(in.kind, Verdict::Kind::error);
  EXPECT_EQ(in.close_with, ReasonCode::topic_alias_invalid);
}

TEST(LimitsMqtt, ATopicThatComes) {
  // Its length field holds no more; the topic of that size is read whole.
  std::string packet = "\x30";
  const std::size_t body = 2 + lim::kTopicInBytes + 1;
  packet += static_cast<char>(body % 128 | 128);
  packet += static_cast<char>(body / 128 % 128 | 128);
  packet += static_cast<char>(body / 128 / 128);
  packet += "\xFF\xFF" + of_size(lim::kTopicInBytes) + std::string(1, '\0');
  mqtt::Packet decoded;
  EXPECT_EQ(mqtt::decode(bytes_of(packet), {.sender = mqtt::Sender::server}, decoded).progress, Progress::done);
  EXPECT_EQ(decoded.publish.topic.size(), lim::kTopicInBytes);
}

TEST(LimitsJson, Depth) {
  const auto code = [](std::size_t depth) {
    json::Value root;
    return json::validate(bytes_of(std::string(depth, '[') + std::string(depth, ']')), {}, root).code();
  };
  EXPECT_EQ(code(lim::kJsonDepth), Errc::none);
  EXPECT_EQ(code(lim::kJsonDepth + 1), Errc::json_too_deep);
}

TEST(LimitsClient, SubscriptionsAndTheirPackets) {
  for (const std::size_t most : {lim::kSubscriptionsMax, lim::kSubscriptionsCeiling}) {
    Scenario scene;
    RealtimeOptions options = scene.realtime_options();
    if (most != lim::kSubscriptionsMax) options.subscriptions_max = static_cast<std::uint16_t>(most);
    ASSERT_TRUE(scene.connect(std::move(options)));
    for (std::size_t count = 0; count < most; ++count) {
      ASSERT_TRUE(scene.rt.subscribe({.channel_id = "c" + std::to_string(count)}, [](const Event&) {}).ok());
    }
    EXPECT_EQ(scene.rt.subscribe({.channel_id = "more"}, [](const Event&) {}).error().code(), Errc::quota);
    scene.world.run_for(seconds(10));
    std::size_t filters = 0;
    for (const auto& packet : scene.broker.subscribes) {
      EXPECT_LE(packet.size(), lim::kFiltersPerSubscribe);
      filters += packet.size();
    }
    EXPECT_EQ(filters, most);
    EXPECT_EQ(scene.broker.subscribes.front().size(), lim::kFiltersPerSubscribe);
  }
  Scenario scene;
  RealtimeOptions options = scene.realtime_options();
  options.subscriptions_max = static_cast<std::uint16_t>(lim::kSubscriptionsCeiling + 1);
  scene.make();
  EXPECT_EQ(scene.begin(std::move(options)).error().code(), Errc::invalid_argument);
}

}  // namespace
}  // namespace axonpush::test
