#include "testing/peer.h"

#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

// What one connection may read in a turn before the others get theirs.
constexpr std::size_t kReadBudgetBytes = 256 * 1024;
// A connection whose answers nobody reads is not read from either.
constexpr std::size_t kOutputPausesInput = 4 * 1024 * 1024;
// Idle connections hold no more than this in each buffer.
constexpr std::size_t kIdleBufferBytes = 1024;
constexpr Duration kLinger = seconds(2);

void keep_small(std::vector<std::uint8_t>& buffer) {
  buffer.clear();
  if (buffer.capacity() > kIdleBufferBytes) std::vector<std::uint8_t>().swap(buffer);
}

}  // namespace

bool Peer::start() {
  watched_ = {.read = true, .write = false};
  return server_.reactor().add(stream_.descriptor(), watched_, *this).ok();
}

void Peer::set_deadline(Instant at) {
  if (!gone_ && !finishing_) server_.reactor().arm(*this, at);
}

void Peer::on_ready(Interest ready) noexcept {
  if (gone_) return;
  server_.touch();
  if (frozen_) return;
  // TLS may need either direction to get on with the other.
  if (ready.write && backlog() != 0) server_.mark_dirty(*this);
  if (ready.read || stream_.read_wants_write()) pump();
}

void Peer::pump() {
  std::size_t budget = kReadBudgetBytes;
  while (!gone_ && !frozen_) {
    if (backlog() > kOutputPausesInput) return watch();
    const MutableBytes scratch = server_.scratch();
    const std::size_t kept = input_.size();
    if (kept != 0) std::memcpy(scratch.data(), input_.data(), kept);
    // input_ is never larger than half the scratch: what a codec leaves is at most a head or a frame's header.
    const IoResult result = stream_.read(scratch.subspan(kept));
    if (result.outcome == IoOutcome::would_block) return watch();
    if (result.outcome == IoOutcome::eof && !finishing_) return finish();  // says its own goodbye, then reads eof again
    if (result.outcome != IoOutcome::ok) return end();
    server_.stats().bytes_in += result.size;
    if (!finishing_) {
      const MutableBytes input = scratch.first(kept + result.size);
      const std::size_t used = on_input(input);
      if (gone_) return;
      if (finishing_ || used == input.size()) {
        keep_small(input_);
      } else if (input.size() - used > scratch.size() / 2) {
        return abort();  // no codec here leaves that much: its limits are smaller
      } else {
        input_.assign(input.begin() + static_cast<std::ptrdiff_t>(used), input.end());
      }
    }
    if (result.size >= budget) return server_.reactor().again(*this);
    budget -= result.size;
  }
}

void Peer::on_timer(Instant now) noexcept {
  if (gone_) return;
  server_.touch();
  if (finishing_) return abort();
  on_deadline(now);
}

void Peer::send(Bytes bytes) {
  if (bytes.empty() || ending()) return;
  output_.insert(output_.end(), bytes.begin(), bytes.end());
  server_.mark_dirty(*this);
}

MutableBytes Peer::append(std::size_t size) {
  const std::size_t before = output_.size();
  output_.resize(before + size);
  server_.mark_dirty(*this);
  return {output_.data() + before, size};
}

void Peer::write_out() {
  while (written_ < output_.size()) {
    const IoResult result = stream_.write(Bytes(output_).subspan(written_));
    if (result.outcome == IoOutcome::would_block) {
      // Half of it is old: moving the rest down costs less than keeping it.
      if (written_ > output_.size() / 2) {
        output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(written_));
        written_ = 0;
      }
      return;
    }
    if (result.outcome != IoOutcome::ok) return end();
    written_ += result.size;
    server_.stats().bytes_out += result.size;
  }
  written_ = 0;
  keep_small(output_);
}

void Peer::flush() {
  if (gone_ || frozen_) return;
  const bool had_input_paused = backlog() > kOutputPausesInput;
  write_out();
  if (gone_) return;
  if (backlog() == 0) {
    if (finishing_ && !output_ended_) {
      output_ended_ = true;
      stream_.end_output();
    } else if (!finishing_) {
      on_drained();
      if (gone_) return;
    }
  }
  if (had_input_paused && backlog() <= kOutputPausesInput) server_.reactor().again(*this);
  watch();
}

void Peer::watch() {
  if (gone_) return;
  const bool paused = backlog() > kOutputPausesInput;
  const Interest wanted{.read = !frozen_ && !paused,
                        .write = !frozen_ && ((backlog() != 0 && !dirty_) || stream_.read_wants_write())};
  if (wanted.read == watched_.read && wanted.write == watched_.write) return;
  watched_ = wanted;
  if (!server_.reactor().modify(stream_.descriptor(), wanted, *this).ok()) end();
}

void Peer::freeze(bool frozen) {
  if (gone_ || frozen_ == frozen) return;
  frozen_ = frozen;
  watch();
  if (!frozen) {
    server_.mark_dirty(*this);
    server_.reactor().again(*this);
  }
}

void Peer::finish() {
  if (ending()) return;
  if (!ended_) {
    ended_ = true;
    on_end();
    if (gone_) return;
  }
  finishing_ = true;
  server_.reactor().arm(*this, server_.reactor().now() + kLinger);
  server_.mark_dirty(*this);
}

void Peer::abort() {
  if (gone_) return;
  stream_.reset_on_close();
  end();
}

void Peer::end() {
  if (gone_) return;
  gone_ = true;
  server_.reactor().disarm(*this);
  server_.reactor().remove(stream_.descriptor(), *this);
  if (!ended_) {
    ended_ = true;
    on_end();
  }
  server_.bury(*this);
}

}  // namespace axonpush::inline v0::testing
