// One fetch of credentials: HTTPS request, retries, deadlines, the answer judged. Its own connection for each attempt
// (`Connection: close`: one call an hour gains nothing from keep-alive).
//
// Who calls it: ClientCore, which gives it instants and hears the outcome. Thread rule: the loop's thread.
// Source: CONTRACT section 2, FAULTS.
#pragma once

#include <axonpush/base/buffer.h>
#include <axonpush/base/transport.h>
#include <axonpush/credentials.h>
#include <axonpush/http/http1.h>

#include "client/config.h"
#include "client/entry.h"

namespace axonpush::inline v0 {

class Fetch final : public ConnectionSink {
 public:
  // The outcome, told once a start, from inside on_ready, on_open_failed or on_deadline.
  class Owner {
   public:
    virtual void on_credentials(Credentials credentials, Duration life_left, Instant sent_at) noexcept = 0;
    virtual void on_fetch_failed(const Error& error) noexcept = 0;
    [[nodiscard]] virtual ConnectionId next_connection_id() noexcept = 0;
    virtual void on_clock_skew() noexcept = 0;

   protected:
    ~Owner() = default;
  };

  Fetch(Host& host, const Config& config, Owner& owner, Entry& entry) noexcept
      : host_(host), config_(config), owner_(owner), entry_(entry) {}
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;
  ~Fetch() { cancel(); }

  // Waits between attempts are lengthened by up to a fifth, so that a fleet does not knock at once. Off: exactly the
  // ladder.
  void set_retry_jitter(bool on) noexcept { retry_jitter_ = on; }
  void start(Instant now) noexcept;
  void cancel() noexcept;
  [[nodiscard]] bool running() const noexcept { return stage_ != Stage::idle; }
  [[nodiscard]] Instant deadline() const noexcept;
  void on_deadline(Instant now) noexcept;

  void on_open(ConnectionId id, Transport& transport, TlsVerified verified) noexcept override;
  void on_open_failed(ConnectionId id, const Error& error) noexcept override;
  void on_ready(ConnectionId id, Interest ready) noexcept override;

  // For a source given by the caller: the wait has the same deadline, the body is judged in the same way.
  void await_source(Instant now) noexcept;
  [[nodiscard]] bool awaiting_source() const noexcept { return stage_ == Stage::source; }
  void judge_source(Bytes body) noexcept;

 private:
  enum class Stage : std::uint8_t {
    idle,      // next: opening
    opening,   // name, TCP, TLS. next: exchange, waiting, idle
    exchange,  // request and response. next: waiting, opening (the GET in place of a POST), idle
    waiting,   // for the next attempt. next: opening, idle
    source,    // for the caller's source. next: idle
  };

  void begin_attempt(Instant now) noexcept;
  [[nodiscard]] bool write_request(const TlsVerified& verified) noexcept;
  void end_attempt() noexcept;
  void flush() noexcept;
  void receive() noexcept;
  // False when the attempt is over.
  bool decode(Instant now) noexcept;
  void on_stream_end(IoOutcome outcome) noexcept;
  void judge_response(Instant now) noexcept;
  void judge_body(Bytes body, std::string_view date, std::size_t date_count, Instant sent_at) noexcept;
  [[nodiscard]] Error error_of_status(Instant now) noexcept;
  void attempt_failed(Error error, bool retryable) noexcept;
  void fail(Error error) noexcept;

  Host& host_;
  const Config& config_;
  Owner& owner_;
  Entry& entry_;
  Transport* transport_ = nullptr;
  ConnectionId connection_{};
  Buffer out_;
  Buffer in_;
  Buffer body_;
  http::ResponseDecoder* decoder_ = nullptr;  // 5 KiB, held only while an answer is awaited
  Instant sent_at_;
  Instant fetch_deadline_ = Instant::never();
  Instant attempt_deadline_ = Instant::never();
  Instant head_deadline_ = Instant::never();
  Instant retry_at_ = Instant::never();
  Error last_error_;
  std::uint32_t attempts_ = 0;
  std::uint16_t status_ = 0;
  std::uint8_t date_count_ = 0;
  FixedText<64> date_;
  FixedText<64> retry_after_;
  Stage stage_ = Stage::idle;
  bool head_seen_ = false;
  bool retry_after_given_ = false;  // by this attempt's answer; it may be 0
  bool use_get_ = false;            // what worked is remembered for the life of the client
  bool method_settled_ = false;
  bool retry_jitter_ = true;
};

}  // namespace axonpush::inline v0
