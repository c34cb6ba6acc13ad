// BAD_INPUTS 10 on a whole Client: each server of the matrix stands in the HTTPS leg and in the WebSocket leg, and is
// met on the first, the second and the fiftieth connection of one client. In between are connections that are fine, so
// that there are sessions to resume: a resumed handshake must not be the way around a check. The table is printed.
#include <axonpush/client.h>

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "net/mini_service.h"
#include "net/tls_client.h"
#include "net/tls_rows.h"

namespace axonpush::net::test {
namespace {

enum class Leg {
  https,
  websocket
};
const char* name_of(Leg leg) { return leg == Leg::https ? "HTTPS" : "WebSocket"; }

// A client that calls both of its servers by one name.
class Matrix {
 public:
  Matrix(const TlsRows& rows, const std::string& host) : good_(make_server_context(rows.good)) {
    service.broker_host = host;
    TlsOptions options;
    options.ca_pem = rows.root.pem();
    tls_ = std::make_unique<TlsContext>(options);
    ClientOptions client;
    client.api_key = "ak_0123456789";
    client.tenant_id = "org";
    client.base_url = "https://" + host + ":" + std::to_string(service.api_port());
    client.connect_address = "127.0.0.1";
    client.broker_connect_address = "127.0.0.1";
    client.max_retries = 0;
    client.read_environment = false;
    client_ = std::make_unique<Client>(reactor_, *tls_, std::move(client));
  }

  // One connect_realtime and what came of it; a session is ended again.
  Error connect_to(Leg leg, SSL_CTX* context) {
    service.api_context = leg == Leg::https ? context : good_.get();
    service.broker_context = leg == Leg::websocket ? context : good_.get();
    Error error;
    bool done = false;
    const Status started = client_->connect_realtime({}, [&](const Result<Realtime>& session) {
      if (!session.ok()) {
        error = session.error();
        done = true;
        return;
      }
      Realtime live = *session;
      static_cast<void>(live.disconnect([&](const Status&) { done = true; }));
    });
    EXPECT_TRUE(started.ok());
    EXPECT_TRUE(turn_until(
        reactor_, [this] { service.step(); }, [&] { return done; }))
        << "never decided";
    return error;
  }
  Error connect_well() { return connect_to(Leg::https, good_.get()); }
  [[nodiscard]] const Error& refused_at_once() const { return client_->error(); }

  MiniService service;

 private:
  ContextPtr good_;
  Reactor reactor_;
  std::unique_ptr<TlsContext> tls_;
  std::unique_ptr<Client> client_;
};

std::string told(const Error& error) {
  if (!error) return "accepted";
  return std::string(axonpush::name_of(error.code())) + ": " + std::string(error.what());
}
std::string expected(const TlsRow& row) {
  if (row.code == Errc::none) return "accepted";
  return std::string(axonpush::name_of(row.code)) + ": " + row.reason;
}

TEST(TlsMatrix, EveryServerIsJudgedTheSameOnBothLegsAndOnEveryConnection)
{
  const TlsRows rows;
  std::printf("%-5s %-48s %-22s %s\n", "row", "server", "host", "HTTPS 1 2 50, WebSocket 1 2 50");
  for (const TlsRow& row : rows.rows) {
    const ContextPtr context = make_server_context(row.spec);
    for (const Leg leg : {Leg::https, Leg::websocket}) {
      const std::string where = row.id + " " + row.server + " as " + row.host + " on " + name_of(leg);
      Matrix first(rows, row.host);
      ASSERT_FALSE(first.refused_at_once()) << where << first.refused_at_once().what();
      EXPECT_EQ(told(first.connect_to(leg, context.get())), expected(row)) << where << ", connection 1";
      // Whatever was refused, the next one that is fine is accepted.
      EXPECT_EQ(told(first.connect_well()), "accepted") << where << ", connection 2 of the first client";
      Matrix second(rows, row.host);
      EXPECT_EQ(told(second.connect_well()), "accepted") << where;
      EXPECT_EQ(told(second.connect_to(leg, context.get())), expected(row)) << where << ", connection 2";
      EXPECT_EQ(told(second.connect_to(leg, context.get())), expected(row)) << where << ", connection 3";
    }
    std::printf("%-5s %-48s %-22s %s\n", row.id.c_str(), row.server.c_str(), row.host.c_str(), expected(row).c_str());
  }
}

// One client per name lives through all of its rows; before the first of them it has connected 49 times.
TEST(TlsMatrix, TheFiftiethConnectionIsJudgedLikeTheFirst) {
  const TlsRows rows;
  std::map<std::string, std::unique_ptr<Matrix>> clients;
  for (const TlsRow& row : rows.rows) {
    std::unique_ptr<Matrix>& client = clients[row.host];
    if (client == nullptr) {
      client = std::make_unique<Matrix>(rows, row.host);
      for (int connection = 1; connection < 50; ++connection) {
        ASSERT_EQ(told(client->connect_well()), "accepted") << row.host << ", connection " << connection;
      }
      EXPECT_GT(client->service.resumed_api, 40U);
      EXPECT_GT(client->service.resumed_broker, 40U);
    }
    const ContextPtr context = make_server_context(row.spec);
    for (const Leg leg : {Leg::https, Leg::websocket}) {
      const std::string where = row.id + " " + row.server + " as " + row.host + " on " + name_of(leg);
      EXPECT_EQ(told(client->connect_to(leg, context.get())), expected(row)) << where;
      EXPECT_EQ(told(client->connect_well()), "accepted") << where;
    }
  }
}

// A Close that answers ours is not answered: RFC 6455 5.5.1 wants one from each side.
TEST(TlsMatrix, ADisconnectSaysCloseOnce) {
  const TlsRows rows;
  Matrix client(rows, "localhost");
  for (unsigned connection = 1; connection <= 3; ++connection) {
    EXPECT_EQ(told(client.connect_well()), "accepted");
    for (int steps = 0; steps < 10; ++steps) client.service.step();
    EXPECT_EQ(client.service.connects, connection);
    EXPECT_EQ(client.service.closes, connection);
  }
}

// "fail, distinct reason"; the same for the dates and the uses.
TEST(TlsMatrix, EveryFaultOfAChainHasWordsOfItsOwn) {
  const TlsRows rows;
  std::map<std::string, std::string> seen;
  for (const TlsRow& row : rows.rows) {
    if (row.code != Errc::tls_verify || (row.id != "X-06" && row.id != "X-07" && row.id != "X-08")) continue;
    const auto [at, fresh] = seen.emplace(row.reason, row.server);
    EXPECT_TRUE(fresh) << row.server << " and " << at->second << ": " << row.reason;
  }
  EXPECT_GE(seen.size(), 14U);
}

}  // namespace
}  // namespace axonpush::net::test
