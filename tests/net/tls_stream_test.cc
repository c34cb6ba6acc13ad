// TLS as bytes: records that arrive in any pieces, streams that end anywhere, messages that carry no data, directions
// that wait for each other. Both ends live in this thread.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>

#include "net/tls_client.h"
#if defined(__linux__)
#include "net/wrapped.h"
#endif

namespace axonpush::net::test {
namespace {

using TlsStreams = TlsTest;

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

// --- Pieces

// What the server says to a fresh client before it has heard anything but the ClientHello.
std::string first_flight(TlsPeer& peer) { return peer.outgoing; }

struct Cut {
  std::size_t at = 0;
  enum class Then {
    rest,
    fin,
    rst
  } then = Then::rest;
};

class CutHandshakes : public TlsTest {
 protected:
  // One full handshake whose first flight is cut. Answers the size of that flight.
  std::size_t shake(int version, const Cut& cut, ClientSide& side) {
    serve({.chain = {&leaf}, .version_max = version});
    ClientEnd end(trusting());
    peer.reset();
    on_accept = [this] { peer->held = true; };
    EXPECT_TRUE(end.open(side, "localhost", listening.port()).ok());
    EXPECT_TRUE(turn(end, [&] { return peer != nullptr && !peer->outgoing.empty(); }));
    on_accept = {};
    const std::string flight = first_flight(*peer);
    const std::size_t part = std::min(cut.at, flight.size());
    EXPECT_EQ(peer->raw().write(flight.substr(0, part)), part);
    peer->outgoing.erase(0, part);
    for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
    if (cut.then == Cut::Then::fin) peer->raw().finish();
    if (cut.then == Cut::Then::rst) peer->reset();
    if (cut.then == Cut::Then::rest) peer->held = false;
    EXPECT_TRUE(turn(end, [&] { return side.settled(); })) << "cut at " << cut.at;
    return flight.size();
  }
};

TEST_F(CutHandshakes, AreAcceptedWhateverTheCut) {
  for (const int version : kVersions) {
    std::size_t size = 1;
    for (std::size_t at = 0; at < size; ++at) {
      ClientSide side;
      size = shake(version, {.at = at}, side);
      ASSERT_FALSE(side.failed) << "cut at " << at << ": " << side.error.what();
    }
    EXPECT_GT(size, 500U);
  }
}

TEST_F(CutHandshakes, AreTruncatedWhereverTheStreamEnds)  // X-20, H-30
{
  for (const int version : kVersions) {
    std::size_t size = 1;
    for (std::size_t at = 0; at < size; at += at < 64 ? 1 : 7) {
      ClientSide side;
      size = shake(version, {.at = at, .then = Cut::Then::fin}, side);
      if (at >= size) break;  // signatures differ in length
      ASSERT_TRUE(side.failed) << "cut at " << at;
      ASSERT_EQ(side.error.code(), Errc::tls_truncated) << "cut at " << at << ": " << side.error.what();
    }
  }
}

TEST_F(CutHandshakes, AreLostWhereverTheStreamIsReset) {
  for (const int version : kVersions) {
    std::size_t size = 1;
    for (std::size_t at = 0; at < size; at += at < 64 ? 1 : 7) {
      ClientSide side;
      size = shake(version, {.at = at, .then = Cut::Then::rst}, side);
      if (at >= size) break;
      ASSERT_TRUE(side.failed) << "cut at " << at;
      ASSERT_EQ(side.error.code(), Errc::connection_lost) << "cut at " << at << ": " << side.error.what();
      ASSERT_EQ(side.error.number(), static_cast<std::uint32_t>(ECONNRESET));
    }
  }
}

TEST_F(TlsStreams, DataArrivesWhateverTheCut) {
  const std::string plain = "a record of no great length, and behind it another one";
  for (const int version : kVersions) {
    serve({.chain = {&leaf}, .version_max = version});
    ClientEnd end(trusting());
    ClientSide side;
    connect_well(end, side);
    peer->held = true;
    std::size_t size = 1;
    for (std::size_t at = 0; at < size; ++at) {
      side.received.clear();
      for (const std::string& half : {plain.substr(0, 20), plain.substr(20)}) {
        peer->send(half);
        peer->step();
      }
      const std::string records = std::exchange(peer->outgoing, std::string());
      size = records.size();
      ASSERT_EQ(peer->raw().write(records.substr(0, at)), at);
      for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
      ASSERT_EQ(peer->raw().write(records.substr(at)), size - at);
      ASSERT_TRUE(turn(end, [&] { return side.received.size() == plain.size(); })) << "cut at " << at;
      ASSERT_EQ(side.received, plain);
    }
    peer->held = false;
  }
}

// More than the read buffer and the kernel's buffers hold, in both directions at once.
TEST_F(TlsStreams, MegabytesPassInBothDirections) {
  for (const bool low_memory : {false, true}) {
    serve_good();
    TlsOptions options = trusting();
    options.low_memory = low_memory;
    ClientEnd end(options);
    ClientSide side;
    connect_well(end, side);
    std::string plain;
    for (int line = 0; plain.size() < 3'000'000; ++line) plain += std::to_string(line) + "\n";
    for (std::size_t at = 0; at < plain.size(); at += 10'000) peer->send(plain.substr(at, 10'000));
    side.send(plain);
    ASSERT_TRUE(turn(end, [&] { return side.received.size() + peer->received.size() == 2 * plain.size(); }));
    EXPECT_TRUE(side.received == plain);
    EXPECT_TRUE(peer->received == plain);
  }
}

// a flood of small records is read by budget, and what OpenSSL holds is not forgotten meanwhile.
TEST_F(TlsStreams, WhatIsBufferedIsReadInTheTurnsThatFollow) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  side.reads_per_turn = 1;
  peer->held = true;
  for (int record = 0; record < 20; ++record) {
    peer->send("0123456789");
    peer->step();
  }
  const std::string records = std::exchange(peer->outgoing, std::string());
  ASSERT_EQ(peer->raw().write(records), records.size());
  // One read of the socket takes all of it; the kernel has nothing to tell afterwards.
  ASSERT_TRUE(turn(end, [&] { return side.received.size() == 200; }));
}

#if defined(__linux__)

// OpenSSL asks for a record's header and its body one by one, and gets both from what was read ahead.
TEST_F(TlsStreams, ABurstOfRecordsIsOneSystemCall) {
  for (const bool low_memory : {false, true}) {
    serve_good();
    TlsOptions options = trusting();
    options.low_memory = low_memory;
    ClientEnd end(options);
    ClientSide side;
    connect_well(end, side);
    peer->held = true;
    for (int record = 0; record < 60; ++record) {
      peer->send("0123456789");
      peer->step();
    }
    const std::string records = std::exchange(peer->outgoing, std::string());
    ASSERT_EQ(peer->raw().write(records), records.size());
    const std::uint64_t before = axonpush::test::calls(axonpush::test::Call::recv);
    ASSERT_TRUE(turn(end, [&] { return side.received.size() == 600; }));
    EXPECT_EQ(axonpush::test::calls(axonpush::test::Call::recv) - before, 1U);
  }
}

#endif

// --- Ends

TEST_F(TlsStreams, CloseNotifyIsAnOrderlyEndBehindTheData) {
  for (const int version : kVersions) {
    serve({.chain = {&leaf}, .version_max = version});
    ClientEnd end(trusting());
    ClientSide side;
    connect_well(end, side);
    peer->send("last words");
    peer->close_notify();
    peer->finish();
    ASSERT_TRUE(turn(end, [&] { return side.ended; }));
    EXPECT_EQ(side.received, "last words");
    EXPECT_FALSE(side.failed);
    // Our direction stays open (RFC 8446 6.1), and ends with a close_notify and FIN.
    EXPECT_EQ(side.transport->send(bytes_of("answer")).outcome, IoOutcome::ok);
    EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok);
    ASSERT_TRUE(turn(end, [&] { return peer->raw().at_end(); }));
    EXPECT_EQ(peer->received, "answer");
    EXPECT_TRUE(peer->got_close_notify());
  }
}

TEST_F(TlsStreams, ADirectionThatWasShutDownStillReads) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  ASSERT_EQ(side.transport->shutdown(), IoOutcome::ok);
  ASSERT_TRUE(turn(end, [&] { return peer->got_close_notify(); }));
  peer->send("you were saying");
  peer->step();
  ASSERT_TRUE(turn(end, [&] { return side.received == "you were saying"; }));
  EXPECT_EQ(side.transport->send(bytes_of("x")).outcome, IoOutcome::error);
}

TEST_F(TlsStreams, AnEndWithoutCloseNotifyIsATruncation)  // X-20, H-32
{
  for (const bool in_a_record : {false, true}) {
    serve_good();
    ClientEnd end(trusting());
    ClientSide side;
    connect_well(end, side);
    peer->held = true;
    peer->send("complete");
    peer->step();
    if (in_a_record) {
      const std::size_t whole = peer->outgoing.size();
      peer->send("incomplete");
      peer->step();
      peer->outgoing.resize(whole + 9);
    }
    ASSERT_EQ(peer->raw().write(peer->outgoing), peer->outgoing.size());
    peer->raw().finish();
    ASSERT_TRUE(turn(end, [&] { return side.failed; }));
    EXPECT_EQ(side.received, "complete");
    EXPECT_EQ(side.error.code(), Errc::tls_truncated);
    EXPECT_EQ(side.error.culprit(), Culprit::peer_malformed);
    // It sticks, and nothing can be sent into it.
    std::uint8_t byte = 0;
    EXPECT_EQ(side.transport->recv({&byte, 1}).outcome, IoOutcome::error);
    EXPECT_EQ(side.transport->send({&byte, 1}).outcome, IoOutcome::error);
    EXPECT_EQ(side.transport->shutdown(), IoOutcome::error);
  }
}

TEST_F(TlsStreams, AResetIsALostConnection) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->reset();
  ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  EXPECT_EQ(side.error.code(), Errc::connection_lost);
  EXPECT_EQ(side.error.number(), static_cast<std::uint32_t>(ECONNRESET));
}

// X-20; and what was proved with that session is not believed again (RFC 5246 7.2.2).
TEST_F(TlsStreams, ADamagedRecordEndsTheConnectionAndItsSession) {
  for (const int version : kVersions) {
    serve({.chain = {&leaf}, .version_max = version});
    ClientEnd end(trusting());
    ClientSide side;
    connect_well(end, side);
    peer->tamper = [](std::string& records) { records.back() = static_cast<char>(records.back() ^ 1); };
    peer->send("damaged on its way");
    ASSERT_TRUE(turn(end, [&] { return side.failed; }));
    EXPECT_EQ(side.received, "");
    EXPECT_EQ(side.error.code(), Errc::tls_protocol);
    EXPECT_EQ(side.error.what(), "a TLS record was damaged on its way");
    end.close(side);
    ClientSide next;
    connect_well(end, next);
    EXPECT_FALSE(next.resumed && version == TLS1_2_VERSION);
  }
}

// --- Messages without data

TEST_F(TlsStreams, KeysAreUpdatedInTheMiddleOfTheTalk) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  for (int round = 0; round < 200; ++round) {
    ASSERT_EQ(SSL_key_update(peer->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    peer->send("after the update");
    ASSERT_TRUE(turn(end, [&] { return side.received == "after the update"; })) << "round " << round;
    side.received.clear();
    side.send("with new keys");
    ASSERT_TRUE(turn(end, [&] { return peer->received == "with new keys"; })) << "round " << round;
    peer->received.clear();
  }
}

TEST_F(TlsStreams, AFloodOfKeyUpdatesIsRefused)
{
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->held = true;
  for (int update = 0; update < 300; ++update) {
    ASSERT_EQ(SSL_key_update(peer->ssl(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(peer->ssl()), 1);
    peer->step();
  }
  peer->held = false;
  ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  EXPECT_EQ(side.error.code(), Errc::tls_protocol);
  EXPECT_EQ(side.error.what(), "too many TLS messages without data");
}

// As many as a server may send, and with data in between as many as it likes.
TEST_F(TlsStreams, TicketsBetweenDataAreNoFlood) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  for (int round = 0; round < 5; ++round) {
    for (int ticket = 0; ticket < 100; ++ticket) {
      ASSERT_EQ(SSL_new_session_ticket(peer->ssl()), 1);
      ASSERT_EQ(SSL_do_handshake(peer->ssl()), 1);
      peer->step();
    }
    peer->send("data");
    ASSERT_TRUE(turn(end, [&] { return side.received == "data"; })) << side.error.what();
    side.received.clear();
  }
}

TEST_F(TlsStreams, AFloodOfTicketsIsRefused)
{
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->held = true;
  for (int ticket = 0; ticket < 300; ++ticket) {
    ASSERT_EQ(SSL_new_session_ticket(peer->ssl()), 1);
    ASSERT_EQ(SSL_do_handshake(peer->ssl()), 1);
    peer->step();
  }
  peer->held = false;
  ASSERT_TRUE(turn(end, [&] { return side.failed; }));
  EXPECT_EQ(side.error.what(), "too many TLS messages without data");
  EXPECT_LE(end.sessions().size(), limits::kTlsSessions);
}

// --- Directions that wait for each other

TEST_F(TlsStreams, AWriteThatFoundNoRoomGoesOnFromAnotherBuffer)
{
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->deaf = true;
  std::string plain;
  for (int line = 0; plain.size() < 8'000'000; ++line) plain += std::to_string(line) + "\n";
  side.send(plain);  // each rest lies in a new string
  for (int turns = 0; turns < 100; ++turns) {
    end.reactor.poll();
    step();
  }
  EXPECT_FALSE(side.unsent.empty()) << "the kernel took everything";
  peer->deaf = false;
  ASSERT_TRUE(turn(end, [&] { return peer->received.size() == plain.size(); }));
  EXPECT_TRUE(peer->received == plain);
  EXPECT_FALSE(side.failed);
}

// A ticket of several records, of which one has arrived: OpenSSL wants the rest before it writes anything.
TEST_F(TlsStreams, AWriteThatHasToReadFirstIsWokenByReading)
{
  serve_good();
  SSL_CTX_set_max_send_fragment(context.get(), 512);
  SSL_CTX_set_session_ticket_cb(
      context.get(),
      [](SSL* ssl, void*) {
        static const std::string padding(2'000, 'p');
        return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), padding.data(), padding.size());
      },
      [](SSL*, SSL_SESSION*, const unsigned char*, std::size_t, SSL_TICKET_STATUS, void*) -> SSL_TICKET_RETURN {
        return SSL_TICKET_RETURN_IGNORE;
      },
      nullptr);
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->held = true;
  ASSERT_EQ(SSL_new_session_ticket(peer->ssl()), 1);
  ASSERT_EQ(SSL_do_handshake(peer->ssl()), 1);
  peer->step();
  const std::string records = std::exchange(peer->outgoing, std::string());
  ASSERT_GT(records.size(), 1'500U);
  ASSERT_EQ(peer->raw().write(records.substr(0, 700)), 700U);
  for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
  side.reads = false;  // only the write is waited for from here on
  side.send("behind the ticket");
  EXPECT_EQ(side.unsent, "behind the ticket");
  // No spin while nothing comes.
  for (int turns = 0; turns < 3; ++turns) end.reactor.poll();
  const unsigned before = side.ready_count;
  for (int turns = 0; turns < 20; ++turns) EXPECT_FALSE(end.reactor.poll());
  EXPECT_EQ(side.ready_count, before);
  ASSERT_EQ(peer->raw().write(records.substr(700)), records.size() - 700);
  peer->held = false;
  ASSERT_TRUE(turn(end, [&] { return peer->received == "behind the ticket"; }));
  EXPECT_LE(side.ready_count, before + 2);
}

// The answer to a key update finds no room: reading waits for writing, and does not spin meanwhile.
TEST_F(TlsStreams, AReadThatHasToWriteFirstIsWokenByWriting)
{
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  peer->deaf = true;
  // Everything the kernel and OpenSSL take, so that the next record of ours stands still.
  const std::string block(64 * 1024, 'x');
  std::size_t sent = 0;
  for (;;) {
    const IoResult put = side.transport->send(bytes_of(block));
    if (put.outcome != IoOutcome::ok) break;
    sent += put.size;
  }
  ASSERT_EQ(SSL_key_update(peer->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
  peer->send("news");
  peer->step();
  for (int turns = 0; turns < 10; ++turns) end.reactor.poll();
  const unsigned before = side.ready_count;
  for (int turns = 0; turns < 20; ++turns) end.reactor.poll();
  EXPECT_LE(side.ready_count, before + 1) << "it spins";
  peer->deaf = false;
  ASSERT_TRUE(turn(end, [&] { return side.received == "news"; })) << sent;
  EXPECT_FALSE(side.failed);
}

// --- What must never happen

TEST_F(TlsStreams, RenegotiationIsRefused)
{
  serve({.chain = {&leaf}, .version_max = TLS1_2_VERSION});
  ClientEnd end(trusting());
  ClientSide side;
  connect_well(end, side);
  ASSERT_EQ(SSL_renegotiate(peer->ssl()), 1);
  SSL_do_handshake(peer->ssl());
  ASSERT_TRUE(turn(end, [&] { return peer->failed(); }));
  EXPECT_EQ(ERR_GET_REASON(peer->first_error()), SSL_R_NO_RENEGOTIATION);
  EXPECT_TRUE(side.received.empty());
}

// the queue of errors is the thread's, and what another connection left in it is not this one's failure.
TEST_F(TlsStreams, AnErrorLeftOnTheThreadDisturbsNobody) {
  serve_good();
  ClientEnd end(trusting());
  ClientSide side;
  const auto poison = [] { ERR_raise(ERR_LIB_SSL, SSL_R_BAD_SIGNATURE); };
  const Status opened = end.open(side, "localhost", listening.port());
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(turn(end, [&] {
    poison();
    return side.settled();
  }));
  ASSERT_FALSE(side.failed) << side.error.what();
  poison();
  side.send("fine");
  ASSERT_TRUE(turn(end, [&] {
    poison();
    return peer->received == "fine";
  }));
  peer->send("thanks");
  ASSERT_TRUE(turn(end, [&] {
    poison();
    return side.received == "thanks";
  }));
  poison();
  peer->close_notify();
  ASSERT_TRUE(turn(end, [&] {
    poison();
    return side.ended;
  }));
  poison();
  EXPECT_EQ(side.transport->shutdown(), IoOutcome::ok);
  EXPECT_FALSE(side.failed);
}

}  // namespace
}  // namespace axonpush::net::test
