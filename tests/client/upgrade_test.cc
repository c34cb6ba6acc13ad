// BAD_INPUTS 2 on the stream. First the three codecs together, as a link puts them together: HTTP reads the head, the
// handshake's rules judge it, the frame decoder gets every byte behind it; each row whole, at every split, byte by byte
// and cut off behind every byte. Then the client itself, over a connection that hands out pieces of every size.
#include <axonpush/http/http1.h>
#include <axonpush/ws/handshake.h>

#include "client/scenario.h"
#include "ws/ws_harness.h"

namespace axonpush::test {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

// "waiting"; the error's name and its number; or "frames " and what the frame decoder says of the rest.
std::string outcome_of(std::string_view input, const std::vector<std::size_t>& cuts) {
  http::ResponseDecoder decoder(
      {.upgrade_requested = true, .limits = {.head_bytes = limits::kWsHandshakeBytes, .body_bytes = SIZE_MAX}});
  std::size_t front = 0;
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t end = piece < cuts.size() ? cuts[piece] : input.size();
    const std::vector<std::uint8_t> there(input.begin() + static_cast<std::ptrdiff_t>(front),
                                          input.begin() + static_cast<std::ptrdiff_t>(end));
    const http::Step step = decoder.next(there);
    front += step.consumed;
    if (step.kind == http::StepKind::need_more) continue;
    Error error = decoder.error();
    if (step.kind == http::StepKind::head) {
      std::vector<ws::HeaderView> headers;
      for (const http::Header& header : decoder.head().headers) headers.push_back({header.name, header.value});
      error =
          ws::check_response({decoder.head().status, decoder.head().version_minor, headers}, kKey, "mqtt, mqttv5.0");
    }
    if (error) return std::string(name_of(error.code())) + " " + std::to_string(error.number());
    std::vector<std::size_t> rest;
    for (; piece < cuts.size(); ++piece) rest.push_back(cuts[piece] - front);
    return "frames " + ws::test::run(input.substr(front), {.message_bytes_max = 0}, rest);
  }
  return "waiting";
}

std::vector<std::size_t> places_of(std::size_t size) {
  if (size <= 4096) return ws::test::split_places(size);
  std::vector<std::size_t> places;
  sim::Random random(size);
  for (std::size_t at = 0; at < 512; ++at) {
    places.push_back(at);
    places.push_back(size - at);
  }
  for (int count = 0; count < 200; ++count) places.push_back(static_cast<std::size_t>(random.below(size)));
  return places;
}

void expect_everywhere(std::string_view input, std::string_view outcome) {
  EXPECT_EQ(outcome_of(input, {}), outcome);
  std::vector<std::size_t> each_byte;
  for (std::size_t at = 1; at < input.size() && input.size() <= 4096; ++at) each_byte.push_back(at);
  EXPECT_EQ(outcome_of(input, each_byte), outcome) << "byte by byte";
  std::size_t broken_from = SIZE_MAX;  // the shortest front that is refused
  std::size_t waiting_to = 0;          // the longest that says nothing yet
  for (const std::size_t place : places_of(input.size())) {
    ASSERT_EQ(outcome_of(input, {place}), outcome) << "split at " << place;
    const std::string front = outcome_of(input.substr(0, place), {});
    if (front == "waiting") {
      waiting_to = std::max(waiting_to, place);
    } else if (front.starts_with("frames")) {
      ASSERT_TRUE(outcome.starts_with("frames")) << "cut at " << place;
    } else {
      ASSERT_EQ(front, outcome) << "cut at " << place;
      broken_from = std::min(broken_from, place);
    }
  }
  EXPECT_LT(waiting_to, broken_from) << "an error was taken back";
}

std::string head_with(const std::string& fields, const std::string& status_line = "HTTP/1.1 101 Switching Protocols") {
  return status_line + "\r\n" + fields + "\r\n";
}
const std::string kUpgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const std::string kAccept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const std::string kProtocol = "Sec-WebSocket-Protocol: mqtt\r\n";
const std::string kGood = kUpgrade + kAccept + kProtocol;

std::string times(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t at = 0; at < count; ++at) all += text;
  return all;
}

struct StreamRow {
  const char* id;
  std::string input;
  std::string outcome;
};

TEST(UpgradeStream, EveryHeadIsJudgedTheSameHoweverItComes) {
  const StreamRow rows[] = {
      {"good", head_with(kGood), "frames @0"},
      {"W-H01", head_with("Content-Length: 2\r\n", "HTTP/1.1 403 Forbidden") + "no", "ws_handshake 403"},
      {"W-H01", head_with("Content-Length: 5000\r\n", "HTTP/1.1 503 Busy") + std::string(5'000, 'x'),
       "ws_handshake 503"},
      {"W-H01", head_with(kGood, "HTTP/1.1 200 OK"), "ws_handshake 200"},
      {"W-H01", head_with("", "HTTP/1.1 204 No Content"), "ws_handshake 204"},
      {"W-H02", head_with("Location: wss://evil.example/\r\n", "HTTP/1.1 302 Found"), "redirect_refused 302"},
      {"W-H03", head_with("Upgrade: h2c\r\nConnection: Upgrade\r\n" + kAccept + kProtocol), "ws_handshake 0"},
      {"W-H03", head_with("upgrade:WebSocket\r\nconnection:Upgrade\r\n" + kAccept + kProtocol), "frames @0"},
      {"W-H04", head_with("Upgrade: websocket\r\nConnection: keep-alive\r\n" + kAccept + kProtocol), "ws_handshake 0"},
      {"W-H04",
       head_with("Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: x, UPGRADE\r\n" + kAccept + kProtocol),
       "frames @0"},
      {"W-H05", head_with(kUpgrade + kProtocol), "ws_handshake 0"},
      {"W-H05", head_with(kUpgrade + kAccept + kAccept + kProtocol), "ws_handshake 0"},
      {"W-H07", head_with(kUpgrade + kAccept), "ws_handshake 0"},
      {"W-H07", head_with(kUpgrade + kAccept + kProtocol + kProtocol), "ws_handshake 0"},
      {"W-H08", head_with(kGood + "Sec-WebSocket-Extensions: permessage-deflate\r\n"), "ws_handshake 0"},
      {"W-H09", head_with("Sec-WebSocket-Version: 8, 13\r\n", "HTTP/1.1 426 Upgrade Required"), "ws_handshake 426"},
      {"W-H12", head_with("Upgrade: websocket\r\n\x82\x05\x20\x03\r\n"), "http_malformed 101"},
      {"W-H12", "\x82\x05\x20\x03" + head_with(kGood), "http_malformed 0"},
      {"W-H13", "HTTP/1.1 101 S\n" + kGood + "\r\n", "http_malformed 101"},
      {"W-H13", head_with("Upgrade : websocket\r\n" + kAccept), "http_malformed 101"},
      {"W-H13", head_with("Upgrade: websocket\r\n x\r\n" + kAccept), "http_malformed 101"},
      {"W-H13", head_with(kGood + times(100, "a: b\r\n")), "http_too_large 101"},
      {"W-H13", head_with(kGood + "a: " + std::string(9 * 1024, 'x') + "\r\n"), "http_too_large 101"},
      {"W-H13", head_with(kGood + times(3, "a: " + std::string(5'500, 'x') + "\r\n")), "http_too_large 101"},
      {"W-H13", head_with(kGood + times(3, "a: " + std::string(5'200, 'x') + "\r\n")), "frames @0"},
      {"W-H14", times(8, "HTTP/1.1 103 Early\r\n\r\n") + head_with(kGood), "frames @0"},
      {"W-H14", times(9, "HTTP/1.1 100 Continue\r\n\r\n") + head_with(kGood), "http_malformed 100"},
      {"W-H20", head_with(kGood, "HTTP/1.0 101 Switching Protocols"), "ws_handshake 0"},
      {"W-H21", head_with(times(200, "Set-Cookie: " + std::string(5'200, 'x') + "\r\n") + kGood), "http_too_large 101"},
  };
  for (const StreamRow& row : rows) {
    SCOPED_TRACE(std::string(row.id) + " " + row.input.substr(0, 120));
    expect_everywhere(row.input, row.outcome);
  }
}

TEST(UpgradeStream, WhatStandsBehindTheHeadIsFramesAndAllOfThem) {  // W-H10, W-H11
  const std::string ping = ws::test::frame(9, "hi");
  const std::string connack = ws::test::frame(2, std::string("\x20\x03\x00\x00\x00", 5));
  const std::string connack_log = "binary[" + std::string("\x20\x03\x00\x00\x00", 5) + "] end binary ";
  const StreamRow rows[] = {
      {"W-H11: one byte", head_with(kGood) + "\x89", "frames @0"},
      {"W-H11: a PING", head_with(kGood) + ping, "frames ping(hi) @4"},
      {"W-H11: a CONNACK", head_with(kGood) + connack, "frames " + connack_log + "@7"},
      {"W-H11: both, and half a frame", head_with(kGood) + ping + connack + "\x82\x05\x20",
       "frames ping(hi) " + connack_log + "binary[\x20] @14"},
      {"W-H11: what no frame may be", head_with(kGood) + "\xC2",
       "frames error a reserved bit is set without an extension @0"},
      {"W-H10", head_with(kGood + "Content-Length: 5\r\n") + connack, "frames " + connack_log + "@7"},
      {"W-H10", head_with(kGood + "Content-Length: 0\r\n") + connack, "frames " + connack_log + "@7"},
      {"W-H10", head_with(kGood + "Transfer-Encoding: chunked\r\n") + connack, "frames " + connack_log + "@7"},
      {"W-H14: behind interim responses", "HTTP/1.1 103 E\r\n\r\n" + head_with(kGood) + ping, "frames ping(hi) @4"},
  };
  for (const StreamRow& row : rows) {
    SCOPED_TRACE(row.id);
    expect_everywhere(row.input, row.outcome);
  }
}

// --- The client

sim::Connection* broker_connection(Scenario& scene) {
  for (std::size_t at = 0; at < scene.host.open_connections(); ++at) {
    if (scene.host.connection(at)->port() == 8443) return scene.host.connection(at);
  }
  return nullptr;
}

// Begins to connect and stops when the connection to the broker is open, before anything has come over it.
sim::Connection* begin_to_upgrade(Scenario& scene) {
  EXPECT_TRUE(scene.begin(scene.realtime_options()).ok());
  scene.run_until([&] { return broker_connection(scene) != nullptr; });
  return broker_connection(scene);
}

TEST(UpgradeClient, TakesTheHeadAndTheFramesBehindItInPiecesOfEverySize) {  // W-H11
  for (std::size_t piece = 1; piece <= 220; ++piece) {
    Scenario scene;
    std::size_t size = 0;
    scene.broker.upgrade_head = [&](const std::string& head) {
      size = head.size() + 8;
      return head + std::string("\x89\x02hi\x89\x02ho", 8);
    };
    sim::Connection* const connection = begin_to_upgrade(scene);
    ASSERT_NE(connection, nullptr);
    connection->chunk = piece;
    scene.run_until([&] { return !scene.connect_results.empty(); });
    ASSERT_EQ(scene.rt.state(), ConnectionState::live) << piece << ": " << scene.connect_error.what();
    EXPECT_EQ(scene.broker.connects.size(), 1U);
    EXPECT_TRUE(scene.broker.violations.empty()) << piece;
    EXPECT_LT(size, 220U);
  }
}

TEST(UpgradeClient, ALossBehindEveryByteOfTheHeadIsAFailedAttemptAndNothingMore) {  // W-26 in front of the frames
  std::size_t size = 1;
  for (std::size_t kept = 0; kept < size; ++kept) {
    for (const auto how : {sim::Connection::Cut::orderly, sim::Connection::Cut::reset}) {
      Scenario scene;
      scene.broker.answer_connect = false;
      scene.broker.upgrade_head = [&](const std::string& head) {
        size = head.size();
        return head.substr(0, kept);
      };
      sim::Connection* const connection = begin_to_upgrade(scene);
      ASSERT_NE(connection, nullptr);
      scene.run_until([&] { return connection->sent_total() != 0 || scene.broker.upgrades != 0; });
      connection->end(how);
      scene.run_until([&] { return !scene.connect_results.empty(); });
      ASSERT_EQ(scene.connect_results.size(), 1U);
      EXPECT_NE(scene.connect_results[0], Errc::none) << kept;
      EXPECT_NE(scene.connect_results[0], Errc::connect_timeout) << kept;
      scene.world.run_for(seconds(1));
      EXPECT_EQ(scene.host.open_connections(), 0U);
      EXPECT_TRUE(scene.broker.connects.empty()) << "CONNECT without a whole handshake";
    }
  }
  EXPECT_GT(size, 100U);
}

TEST(UpgradeClient, ARefusalWithALongBodyIsTheRefusalItIs) {  // W-H01: its length hid the status once
  const std::string bodies[] = {"Content-Length: 100000\r\n\r\n" + std::string(100'000, 'x'),
                                "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + std::string(100'000, 'x'),
                                "\r\n" + std::string(100'000, 'x')};
  for (const std::string& body : bodies) {
    Scenario scene;
    scene.broker.upgrade_head = [&](const std::string&) { return "HTTP/1.1 403 Forbidden\r\n" + body; };
    EXPECT_FALSE(scene.connect());
    EXPECT_EQ(scene.connect_error.code(), Errc::ws_handshake);
    EXPECT_EQ(scene.connect_error.number(), 403U);
    EXPECT_EQ(scene.host.open_connections(), 0U);
    EXPECT_EQ(scene.broker.upgrades, 1U);

    Scenario live;
    live.api.lifetime = hours(1);
    ASSERT_TRUE(live.connect());
    live.world.run_for(seconds(40));
    int refusals = 0;
    live.broker.upgrade_head = [&](const std::string& head) {
      return refusals++ == 0 ? "HTTP/1.1 403 Forbidden\r\n" + body : head;
    };
    const std::size_t fetches = live.api.requests.size();
    live.broker.newest()->cut(sim::Connection::Cut::reset);
    ASSERT_TRUE(
        live.run_until([&] { return live.rt.stats().reconnects == 1 && live.rt.state() == ConnectionState::live; }));
    EXPECT_EQ(live.api.requests.size(), fetches + 1) << "the refused URL was presented again";
  }
}

TEST(UpgradeClient, AnAnswerAfterTheTimeoutMeetsAClosedConnection) {  // W-H15
  Scenario scene;
  scene.broker.answer_upgrade = false;
  sim::Connection* const open = begin_to_upgrade(scene);
  ASSERT_NE(open, nullptr);
  const std::shared_ptr<sim::Connection> connection = open->shared_from_this();
  scene.run_until([&] { return !scene.connect_results.empty(); });
  EXPECT_EQ(scene.connect_error.code(), Errc::connect_timeout);
  scene.world.run_for(milliseconds(10));
  EXPECT_FALSE(connection->client_alive());
  const std::uint64_t read = connection->read_total();
  connection->send(head_with(kGood));
  scene.world.run_for(minutes(1));
  EXPECT_EQ(connection->read_total(), read);
  EXPECT_EQ(scene.connect_results.size(), 1U);
  EXPECT_TRUE(scene.broker.connects.empty());
}

// Keeps the request's head.
struct Listener : sim::BrokerDirector {
  std::string head;
  void on_upgrade(sim::BrokerPeer&, std::string_view seen) override { head = seen; }
};

TEST(UpgradeClient, TheQueryGoesOutByteForByteAndThePortWhereItIsNotTheUsual) {  // W-H17, W-H19
  const std::string query = "x-amz-customauthorizer-signature=a%2Fb%2b+c/d==&X-Amz-Date=%e2%82%ac&e=";
  struct Row {
    std::string front;
    std::uint16_t port;
    const char* host;
  };
  const Row rows[] = {{"wss://broker.example.com:8443/mqtt?" + query, 8443, "Host: broker.example.com:8443\r\n"},
                      {"wss://broker.example.com:443/mqtt?" + query, 443, "Host: broker.example.com\r\n"},
                      {"wss://broker.example.com/mqtt?" + query, 443, "Host: broker.example.com\r\n"}};
  for (const Row& row : rows) {
    Scenario scene;
    Listener listener;
    scene.broker.director = &listener;
    scene.world.listen(9443, scene.api.maker());
    scene.world.listen(row.port, scene.broker.maker());
    ClientOptions options = Scenario::client_options();
    options.base_url = "https://api.example.com:9443";
    scene.make(std::move(options));
    // As long as a URL may be.
    scene.api.broker_url = row.front + std::string(limits::kUrlBytes - row.front.size(), 's');
    ASSERT_TRUE(scene.connect()) << scene.connect_error.what();
    const std::string target = scene.api.broker_url.substr(scene.api.broker_url.find("/mqtt"));
    EXPECT_TRUE(listener.head.starts_with("GET " + target + " HTTP/1.1\r\n"));
    EXPECT_NE(listener.head.find(row.host), std::string::npos) << listener.head.substr(listener.head.find("Host"));
    scene.broker.director = nullptr;
  }
}

}  // namespace
}  // namespace axonpush::test
