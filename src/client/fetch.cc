#include "client/fetch.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/alloc.h"
#include "base/assert.h"
#include "client/envelope.h"

namespace axonpush::inline v0 {

namespace {

// CONTRACT 2: 250, 500, 1000, 2000, 4000 ms, clamped to the last.
constexpr Duration kRetryLadder[] = {milliseconds(250), milliseconds(500), milliseconds(1000), milliseconds(2000),
                                     milliseconds(4000)};
constexpr std::size_t kRetryLadderCount = sizeof kRetryLadder / sizeof kRetryLadder[0];

constexpr bool successful(std::uint16_t status) noexcept { return status == 200 || status == 201; }
constexpr bool retryable_status(std::uint16_t status) noexcept {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

// Uniform in [0, most). Without entropy the middle is as good as anything: the draw spreads load, it protects nothing.
Duration jitter_of(Entropy& entropy, Duration most) noexcept {
  std::uint8_t bytes[4];
  const std::uint32_t random = entropy.fill(bytes) ? load_be32(bytes) : 0x80000000U;
  return nanoseconds(static_cast<std::int64_t>(static_cast<std::uint64_t>(most.milliseconds()) * random >> 32) *
                     1'000'000);
}

}  // namespace

void Fetch::start(Instant now) noexcept {
  cancel();
  attempts_ = 0;
  last_error_ = Error{};
  fetch_deadline_ = now + config_.options.fetch_timeout;
  if (!method_settled_) use_get_ = config_.options.credentials_method == CredentialsMethod::get;
  begin_attempt(now);
}

void Fetch::cancel() noexcept {
  if (stage_ == Stage::opening || stage_ == Stage::exchange) end_attempt();
  stage_ = Stage::idle;
  retry_at_ = Instant::never();
  fetch_deadline_ = Instant::never();
}

void Fetch::await_source(Instant now) noexcept {
  cancel();
  last_error_ = Error{};
  sent_at_ = now;
  fetch_deadline_ = now + config_.options.fetch_timeout;
  stage_ = Stage::source;
}

void Fetch::judge_source(Bytes body) noexcept {
  attempts_ = UINT32_MAX;  // the source is asked again by the machine's ladder, not from here
  judge_body(body, {}, 0, sent_at_);
}

void Fetch::begin_attempt(Instant now) noexcept {
  ++attempts_;
  sent_at_ = now;
  attempt_deadline_ = earlier_of(now + config_.options.timeout, fetch_deadline_);
  head_deadline_ = Instant::never();
  retry_at_ = Instant::never();
  date_.clear();
  retry_after_.clear();
  date_count_ = 0;
  status_ = 0;
  head_seen_ = retry_after_given_ = false;
  connection_ = owner_.next_connection_id();
  stage_ = Stage::opening;
  const http::Url& url = config_.api;
  const Endpoint endpoint{
      .security = url.secure() ? Security::tls : Security::cleartext_loopback,
      .host = url.host,
      .port = url.port,
      .connect_address = config_.options.connect_address,
      .allow_loopback = loopback_host(url.host) || config_.options.allow_loopback,
      .resolve_timeout = config_.options.resolve_timeout,
      .connect_timeout = config_.options.connect_timeout,
      .handshake_timeout = config_.options.handshake_timeout,
  };
  const Status opened = host_.connector().open(endpoint, connection_, *this);
  if (!opened.ok()) attempt_failed(opened.error(), true);
}

// Closes the connection of this attempt and wipes what carried the key or the credentials.
void Fetch::end_attempt() noexcept {
  if (stage_ != Stage::opening && stage_ != Stage::exchange) return;
  host_.connector().close(connection_);
  transport_ = nullptr;
  for (Buffer* buffer : {&out_, &in_, &body_}) {
    buffer->wipe_filled();
    buffer->reset();
  }
  if (decoder_ != nullptr) {
    decoder_->~ResponseDecoder();
    deallocate(decoder_, sizeof(http::ResponseDecoder));
    decoder_ = nullptr;
  }
  attempt_deadline_ = Instant::never();
  head_deadline_ = Instant::never();
}

Instant Fetch::deadline() const noexcept {
  return earlier_of(earlier_of(fetch_deadline_, retry_at_), earlier_of(attempt_deadline_, head_deadline_));
}

void Fetch::on_deadline(Instant now) noexcept {
  if (stage_ == Stage::idle) return;
  if (now >= fetch_deadline_) {
    end_attempt();
    fail(last_error_ ? last_error_ : Error(Errc::http_timeout, "the credentials did not come in time"));
    return;
  }
  if (stage_ == Stage::waiting) {
    if (now >= retry_at_) begin_attempt(now);
    return;
  }
  if (now >= attempt_deadline_) {
    attempt_failed(Error(Errc::http_timeout, "the credentials endpoint did not answer in time"), true);
  } else if (now >= head_deadline_) {
    attempt_failed(Error(Errc::http_timeout, "the head of the answer did not come in time"), true);
  }
}

void Fetch::on_open(ConnectionId id, Transport& transport, TlsVerified verified) noexcept {
  const EntryGuard guard(entry_);
  if (stage_ != Stage::opening || id != connection_) return;
  transport_ = &transport;
  stage_ = Stage::exchange;
  in_ = host_.buffers().take(limits::kHttpHeadBytes + limits::kHttpStatusLineBytes);
  out_ = host_.buffers().take(limits::kHttpRequestHeadBytes);
  void* memory = allocate(sizeof(http::ResponseDecoder));
  if (memory != nullptr) decoder_ = ::new (memory) http::ResponseDecoder;
  if (!in_ || !out_ || decoder_ == nullptr) {
    attempt_failed(Error(Errc::no_memory, "no memory for the credentials request"), true);
    return;
  }
  if (!write_request(verified)) return;
  // CONTRACT 2: the life that is left counts from here, and not from the look-up of the name.
  sent_at_ = host_.now();
  head_deadline_ = sent_at_ + config_.options.head_timeout;
  transport_->interest({.read = true, .write = false});
  flush();
}

void Fetch::on_open_failed(ConnectionId id, const Error& error) noexcept {
  const EntryGuard guard(entry_);
  if (stage_ != Stage::opening || id != connection_) return;
  attempt_failed(error, true);
}

// The key is written here and nowhere else, and only with the proof that the peer's name was verified.
bool Fetch::write_request(const TlsVerified& verified) noexcept {
  static_cast<void>(verified);
  const http::Url& url = config_.api;
  FixedText<limits::kHostBytes + 16> authority;
  char target[limits::kUrlBytes];
  std::size_t target_size = 0;
  const std::string_view base_path = url.path == "/" ? std::string_view() : url.path;
  [[maybe_unused]] const bool named = write_authority(url, authority);
  AXONPUSH_ASSERT(named);  // a host and a port fit
  if (base_path.size() + kCredentialsPath.size() > sizeof target) {
    fail(Error(Errc::url_invalid, "base_url is too long"));
    return false;
  }
  for (const std::string_view part : {base_path, kCredentialsPath}) {
    if (!part.empty()) std::memcpy(target + target_size, part.data(), part.size());
    target_size += part.size();
  }
  http::RequestWriter writer(out_.writable());
  const std::string_view method = use_get_ ? "GET" : "POST";
  writer.start(method, {target, target_size});
  writer.header("Host", authority.view());
  write_credentials_headers(writer, config_, method);
  writer.finish();
  if (!writer.ok()) {
    out_.wipe();  // the key may stand there, in a head that was not committed
    fail(writer.error());
    return false;
  }
  out_.commit(writer.written().size());
  return true;
}

void Fetch::on_ready(ConnectionId id, Interest ready) noexcept {
  const EntryGuard guard(entry_);
  if (stage_ != Stage::exchange || id != connection_) return;
  if (ready.write) flush();
  if (ready.read) receive();
}

void Fetch::flush() noexcept {
  while (out_.size() != 0) {
    const IoResult sent = transport_->send(out_.readable());
    if (sent.outcome == IoOutcome::would_block) {
      transport_->interest({.read = true, .write = true});
      return;
    }
    if (sent.outcome != IoOutcome::ok) {
      // H-42: the server may have answered and closed without reading; what it said is still there to be read.
      out_.consume(out_.size());
      break;
    }
    out_.consume(sent.size);
  }
  out_.wipe_filled();
  transport_->interest({.read = true, .write = false});
}

void Fetch::receive() noexcept {
  const Instant now = host_.now();
  for (;;) {
    if (in_.room() == 0) {
      in_.compact();
      wipe(in_.writable());  // what was moved; end_attempt wipes what lies before the tail
    }
    if (in_.room() == 0) {
      attempt_failed(Error(Errc::http_too_large, "the head of the answer is over its limit"), true);
      return;
    }
    const IoResult got = transport_->recv(in_.writable());
    if (got.outcome == IoOutcome::would_block) return;
    if (got.outcome != IoOutcome::ok) {
      on_stream_end(got.outcome);
      return;
    }
    in_.commit(got.size);
    if (!decode(now)) return;
  }
}

bool Fetch::decode(Instant now) noexcept {
  using Kind = http::ResponseDecoder::Kind;
  for (;;) {
    const http::ResponseDecoder::Step step = decoder_->next(in_.readable());
    if (step.kind == Kind::head) {
      const http::ResponseHead& head = decoder_->head();
      status_ = head.status;
      head_seen_ = true;
      head_deadline_ = Instant::never();
      date_count_ = static_cast<std::uint8_t>(head.count("date"));
      if (!date_.assign(head.find("date"))) date_count_ = 0;
      // Two values contradict each other as likely as not: neither counts.
      if (head.count("retry-after") == 1) static_cast<void>(retry_after_.assign(head.find("retry-after")));
    } else if (step.kind == Kind::body) {
      if (!body_) body_ = host_.buffers().take(limits::kHttpBodyBytes);
      if (body_) {
        const std::size_t taken = std::min(step.data.size(), body_.room());
        std::memcpy(body_.writable().data(), step.data.data(), taken);
        body_.commit(taken);
      } else if (successful(status_)) {
        attempt_failed(Error(Errc::no_memory, "no memory for the credentials' body"), true);
        return false;
      }  // of a refusal the status says enough: without its text it is no other one, and is not asked for again
    }
    in_.consume(step.consumed);
    if (step.kind == Kind::need_more) return true;
    if (step.kind == Kind::done) {
      judge_response(now);
      return false;
    }
    if (step.kind == Kind::error) {
      attempt_failed(decoder_->error(), true);
      return false;
    }
  }
}

void Fetch::on_stream_end(IoOutcome outcome) noexcept {
  if (outcome == IoOutcome::error && !head_seen_) {
    attempt_failed(transport_->error(), true);
    return;
  }
  const auto end = outcome == IoOutcome::eof ? http::ResponseDecoder::End::orderly : http::ResponseDecoder::End::cut;
  const http::ResponseDecoder::Step step = decoder_->finish(end);
  if (step.kind == http::ResponseDecoder::Kind::done) {
    judge_response(host_.now());
  } else {
    attempt_failed(decoder_->error(), true);
  }
}

void Fetch::judge_response(Instant now) noexcept {
  if (successful(status_)) {
    // The buffers are wiped by end_attempt, after the body was judged.
    judge_body(body_.readable(), date_.view(), date_count_, sent_at_);
    return;
  }
  // CONTRACT 2: on 404 or 405 to the POST the same request is made once as GET.
  if ((status_ == 404 || status_ == 405) && !use_get_ && !method_settled_ &&
      config_.options.credentials_method == CredentialsMethod::post_then_get) {
    use_get_ = true;
    end_attempt();
    --attempts_;  // another method is not another try
    begin_attempt(now);
    return;
  }
  const bool retryable = retryable_status(status_);
  attempt_failed(error_of_status(now), retryable);
}

void Fetch::judge_body(Bytes body, std::string_view date, std::size_t date_count, Instant sent_at) noexcept {
  Result<Credentials> parsed = parse_credentials(body);
  if (!parsed.ok()) {
    attempt_failed(parsed.error(), false);
    return;
  }
  bool skewed = false;
  const Result<Duration> left = life_left(parsed->expires_at, date, date_count, host_.wall_now(), skewed);
  if (skewed) owner_.on_clock_skew();
  if (!left.ok()) {
    attempt_failed(left.error(), false);
    return;
  }
  method_settled_ = true;
  end_attempt();
  stage_ = Stage::idle;
  fetch_deadline_ = Instant::never();
  owner_.on_credentials(std::move(*parsed), *left, sent_at);
}

Error Fetch::error_of_status(Instant now) noexcept {
  static_cast<void>(now);
  Error error = error_of_http_status(status_);
  const std::size_t kept = body_.size() < limits::kHttpErrorBodyBytes ? body_.size() : limits::kHttpErrorBodyBytes;
  error = with_envelope(std::move(error), Bytes(body_.readable()).first(kept));
  Duration wait;
  if (!retry_after_.empty() && http::parse_retry_after(retry_after_.view(), host_.wall_now(), wait)) {
    error = std::move(error).with_retry_after(wait);
    retry_after_given_ = true;
  }
  return error;
}

// Waits for the next attempt, or ends the fetch. By value: what the error was taken from goes with the attempt.
void Fetch::attempt_failed(Error error, bool retryable) noexcept {
  const Instant now = host_.now();
  end_attempt();
  last_error_ = error;
  const Duration asked = error.retry_after();
  if (!retryable || attempts_ > config_.options.max_retries || asked > limits::kRetryAfterInFetch) {
    fail(error);
    return;
  }
  const std::size_t index = attempts_ - 1 < kRetryLadderCount ? attempts_ - 1 : kRetryLadderCount - 1;
  // CONTRACT 2: a Retry-After stands in the ladder's place when present, and H-44 counts 0 as one: then at once.
  const Duration least = retry_after_given_ ? asked : kRetryLadder[index];
  const Duration wait = retry_jitter_ ? least + jitter_of(host_.entropy(), least / 5) : least;
  if (now + wait >= fetch_deadline_) {
    fail(error);
    return;
  }
  stage_ = Stage::waiting;
  retry_at_ = now + wait;
}

void Fetch::fail(Error error) noexcept {
  end_attempt();
  stage_ = Stage::idle;
  fetch_deadline_ = Instant::never();
  retry_at_ = Instant::never();
  owner_.on_fetch_failed(error);
}

}  // namespace axonpush::inline v0
