// Resumption: for whom a session is kept, how long, and that a resumed handshake is judged like a full one. OpenSSL
// checks neither name nor chain nor dates of a resumed session, so whatever is refused here is refused by us.
#include <openssl/x509v3.h>

#include "net/tls_client.h"
#include "net/tls_rows.h"
#include "support/allocations.h"

namespace axonpush::net::test {
namespace {

using TlsResumption = TlsTest;

// A session with this server by a client that believes everything, and says so in the session.
SSL_SESSION* gullible_session(SSL_CTX* server, int version) {
  struct Holder {
    SSL_SESSION* session = nullptr;
  } holder;
  const ContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX* chain) {
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  });
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), [](SSL* ssl, SSL_SESSION* session) {
    auto* held = static_cast<Holder*>(SSL_get_app_data(ssl));
    SSL_SESSION_free(held->session);
    held->session = session;
    return 1;
  });
  SSL* ends[2] = {SSL_new(context.get()), SSL_new(server)};
  BIO* pipes[2] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
  for (BIO* pipe : pipes) BIO_up_ref(pipe);
  SSL_set_app_data(ends[0], &holder);
  SSL_set_bio(ends[0], pipes[0], pipes[1]);
  SSL_set_bio(ends[1], pipes[1], pipes[0]);
  SSL_set_connect_state(ends[0]);
  SSL_set_accept_state(ends[1]);
  char byte = 0;
  for (int round = 0; round < 4; ++round) {
    for (SSL* end : ends) SSL_read(end, &byte, 1);
  }
  EXPECT_EQ(SSL_get_verify_result(ends[0]), X509_V_OK);
  for (SSL* end : ends) {
    SSL_set_shutdown(end, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(end);
  }
  return holder.session;
}

// once more, by a session instead of a certificate.
TEST(TlsResumed, SessionsAreJudgedLikeCertificates) {
  const TlsRows rows;
  TlsOptions options;
  options.ca_pem = rows.root.pem();
  unsigned judged = 0;
  for (const TlsRow& row : rows.rows) {
    if (row.spec.version_max < TLS1_2_VERSION) continue;
    const bool certificate = row.code == Errc::none || row.code == Errc::tls_verify;
    if (!certificate) continue;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      if (version < row.spec.version_min || version > row.spec.version_max) continue;
      ServerSpec spec = row.spec;
      spec.version_max = version;
      const ContextPtr context = make_server_context(spec);
      const std::string where =
          row.id + " " + row.server + " as " + row.host + (version == TLS1_2_VERSION ? " 1.2" : "");
      SSL_SESSION* session = gullible_session(context.get(), version);
      // A chain that the server cannot even show gives no session.
      if (session == nullptr) continue;
      ClientEnd end(options);
      const Listening listening;
      const std::string name = row.host.ends_with('.') ? row.host.substr(0, row.host.size() - 1) : row.host;
      end.sessions().put(name, listening.port(), session);
      ClientSide side;
      std::unique_ptr<TlsPeer> peer;
      ASSERT_TRUE(end.open(side, row.host, listening.port()).ok());
      ASSERT_TRUE(turn_until(
          end.reactor,
          [&] {
            const int accepted = listening.accept();
            if (accepted >= 0) peer = std::make_unique<TlsPeer>(accepted, context.get());
            if (peer != nullptr) peer->step();
          },
          [&] { return side.settled() && peer->established(); }))
          << where;
      EXPECT_EQ(SSL_session_reused(peer->ssl()), 1) << where;
      ++judged;
      EXPECT_EQ(side.error.what(), row.code == Errc::none ? std::string_view() : std::string_view(row.reason)) << where;
      EXPECT_EQ(side.transport != nullptr, row.code == Errc::none) << where;
    }
  }
  EXPECT_GT(judged, 60U);
}

TEST(TlsResumed, PinsAndStaplesAreHeld) {
  const Certificate root({.common_name = "root", .authority = true});
  const Certificate leaf({.common_name = "leaf"}, &root);
  const Certificate others[2] = {Certificate({.common_name = "a"}), Certificate({.common_name = "b"})};
  TlsOptions options;
  options.ca_pem = root.pem();
  for (const Certificate& other : others) {
    SpkiPin pin;
    std::memcpy(pin.sha256, other.spki_sha256().data(), sizeof pin.sha256);
    ASSERT_TRUE(options.pins.push_back(pin));
  }
  const ContextPtr context = make_server_context({.chain = {&leaf}});
  ClientEnd end(options);
  const Listening listening;
  end.sessions().put("localhost", listening.port(), gullible_session(context.get(), TLS1_3_VERSION));
  ClientSide side;
  std::unique_ptr<TlsPeer> peer;
  ASSERT_TRUE(end.open(side, "localhost", listening.port()).ok());
  ASSERT_TRUE(turn_until(
      end.reactor,
      [&] {
        const int accepted = listening.accept();
        if (accepted >= 0) peer = std::make_unique<TlsPeer>(accepted, context.get());
        if (peer != nullptr) peer->step();
      },
      [&] { return side.settled(); }));
  EXPECT_EQ(side.error.what(), "no key of the certificate's chain is among the pinned ones");
}

// --- For whom

TEST_F(TlsResumption, IsForTheSameNameAndPortOnly)
{
  const Certificate both({.common_name = "leaf", .extensions = {{"subjectAltName", "DNS:a.test,DNS:b.test"}}}, &root);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    serve({.chain = {&both}, .version_max = version});
    ClientEnd end(trusting());
    ClientSide sides[4];
    connect_well(end, sides[0], "a.test");
    connect_well(end, sides[1], "b.test");
    connect_well(end, sides[2], "a.test");
    EXPECT_FALSE(sides[0].resumed);
    EXPECT_FALSE(sides[1].resumed) << "the session of another name";
    EXPECT_TRUE(sides[2].resumed);
    const Listening other;
    const std::uint16_t before = listening.port();
    ASSERT_NE(before, other.port());
    ASSERT_TRUE(end.open(sides[3], "a.test", other.port()).ok());
    std::unique_ptr<TlsPeer> stranger;
    ASSERT_TRUE(turn_until(
        end.reactor,
        [&] {
          const int accepted = other.accept();
          if (accepted >= 0) stranger = std::make_unique<TlsPeer>(accepted, context.get());
          if (stranger != nullptr) stranger->step();
        },
        [&] { return sides[3].settled(); }));
    EXPECT_FALSE(sides[3].resumed) << "the session of another port";
    // Nor does another client of the same context have it.
    Host* second = make_reactor_host(end.reactor, end.tls);
    ClientSide foreign;
    ASSERT_TRUE(second->connector()
                    .open({.host = "a.test", .port = listening.port(), .connect_address = "127.0.0.1"}, ConnectionId{1},
                          foreign)
                    .ok());
    ASSERT_TRUE(turn(end, [&] { return foreign.settled(); }));
    EXPECT_FALSE(foreign.resumed);
    destroy_reactor_host(second);
  }
}

TEST_F(TlsResumption, KeepsFourSessions) {
  const std::string names = "DNS:a.test,DNS:b.test,DNS:c.test,DNS:d.test,DNS:e.test";
  const Certificate all({.common_name = "leaf", .extensions = {{"subjectAltName", names}}}, &root);
  serve({.chain = {&all}});
  ClientEnd end(trusting());
  const auto resumes = [&](const char* name) {
    ClientSide side;
    connect_well(end, side, name);
    end.close(side);
    return side.resumed;
  };
  for (const char* name : {"a.test", "b.test", "c.test", "d.test", "e.test"}) EXPECT_FALSE(resumes(name));
  EXPECT_EQ(end.sessions().size(), limits::kTlsSessions);
  EXPECT_TRUE(resumes("e.test"));
  EXPECT_FALSE(resumes("a.test")) << "the one used least recently has made room";
}

// RFC 8446 C.4: a ticket that is shown twice links two connections.
TEST_F(TlsResumption, ShowsATicketOnce) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide first;
  connect_well(end, first);
  const std::size_t kept = end.sessions().size();
  EXPECT_EQ(kept, 1U);
  SSL_SESSION* taken = end.sessions().take("localhost", listening.port());
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(end.sessions().take("localhost", listening.port()), nullptr);
  SSL_SESSION_free(taken);
}

TEST_F(TlsResumption, TheLowMemoryModeKeepsNoSession) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    serve({.chain = {&leaf}, .version_max = version});
    TlsOptions options = trusting();
    options.low_memory = true;
    ClientEnd end(options);
    for (int connection = 0; connection < 3; ++connection) {
      ClientSide side;
      connect_well(end, side);
      EXPECT_FALSE(side.resumed);
      EXPECT_EQ(end.sessions().size(), 0U);
      end.close(side);
    }
  }
}

TEST_F(TlsResumption, WithoutMemoryForASessionTheNextHandshakeIsAFullOne) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide first;
  {
    const Status opened = end.open(first, "localhost", listening.port());
    ASSERT_TRUE(opened.ok());
    ASSERT_TRUE(turn(end, [&] { return first.settled(); }));
    const axonpush::test::FailAllocations fault(1, axonpush::test::FailAllocations::Mode::from_then_on);
    peer->send("tickets come along");
    ASSERT_TRUE(turn(end, [&] { return !first.received.empty(); }));
    EXPECT_TRUE(fault.fired());
  }
  ClientSide second;
  connect_well(end, second);
  EXPECT_FALSE(second.resumed);
}

// A credentials request that an attacker may play again is not sent early.
TEST_F(TlsResumption, SendsNoEarlyData) {
  serve_good();
  SSL_CTX_set_max_early_data(context.get(), 16'384);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_ANTI_REPLAY);  // tickets in place of a cache
  ClientEnd end(trusting());
  for (int connection = 0; connection < 3; ++connection) {
    ClientSide side;
    connect_well(end, side);
    EXPECT_EQ(side.resumed, connection != 0);
    EXPECT_EQ(SSL_get_early_data_status(peer->ssl()), SSL_EARLY_DATA_NOT_SENT);
    end.close(side);
  }
}

// However a connection ends, its session stays good; but for a fatal error of TLS.
TEST_F(TlsResumption, SurvivesEveryEndButAnErrorOfTls) {
  const auto after = [&](const std::function<void(ClientEnd&, ClientSide&)>& ending) {
    serve_good();
    ClientEnd end(trusting());
    ClientSide first;
    connect_well(end, first);
    ending(end, first);
    end.close(first);
    ClientSide second;
    connect_well(end, second);
    return second.resumed;
  };
  EXPECT_TRUE(after([](ClientEnd&, ClientSide&) {}));
  EXPECT_TRUE(after([](ClientEnd&, ClientSide& side) { EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok); }));
  EXPECT_TRUE(after([&](ClientEnd& end, ClientSide& side) {
    peer->reset();
    ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  }));
  EXPECT_TRUE(after([&](ClientEnd& end, ClientSide& side) {
    peer->finish();
    ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  }));
  EXPECT_FALSE(after([&](ClientEnd& end, ClientSide& side) {
    peer->tamper = [](std::string& records) { records.back() = static_cast<char>(records.back() ^ 1); };
    peer->send("damaged");
    ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  }));
}

}  // namespace
}  // namespace axonpush::net::test
