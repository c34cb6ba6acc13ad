// Client and Realtime: handles on ClientCore.
#include <axonpush/client.h>

#include <utility>

#include "client/core.h"

namespace axonpush::inline v0 {

namespace {

Error gone() noexcept { return Error(Errc::closed, "there is no session"); }

}  // namespace

Client::Client(Host& host, ClientOptions options) noexcept : core_(ClientCore::create(host, std::move(options))) {
  if (core_ == nullptr) error_ = Error(Errc::no_memory, "no memory for the client");
}

Client::~Client() {
  if (core_ != nullptr) {
    core_->abandon();
    core_->release();
  }
  if (owned_host_ != nullptr) destroy_host_(owned_host_);
}

const Error& Client::error() const noexcept { return core_ == nullptr ? error_ : core_->error(); }

Status Client::connect_realtime(RealtimeOptions options, Callback<void(const Result<Realtime>&)> done) noexcept {
  if (error()) return error();
  return core_->connect(std::move(options), std::move(done));
}

Realtime::Realtime(ClientCore* core, std::uint64_t session) noexcept : core_(core), session_(session) {
  if (core_ != nullptr) core_->retain();
}
Realtime::Realtime(const Realtime& other) noexcept : Realtime(other.core_, other.session_) {}
Realtime::Realtime(Realtime&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)), session_(std::exchange(other.session_, 0)) {}
Realtime& Realtime::operator=(Realtime other) noexcept {
  std::swap(core_, other.core_);
  std::swap(session_, other.session_);
  return *this;
}
Realtime::~Realtime() {
  if (core_ != nullptr) core_->release();
}

Result<Subscription> Realtime::subscribe(const SubscribeFilter& filter, EventCallback callback,
                                         Completion done) noexcept {
  if (core_ == nullptr) return gone();
  return core_->subscribe(session_, filter, std::move(callback), std::move(done), ClientCore::Body::json);
}

Result<Subscription> Realtime::subscribe_raw(const SubscribeFilter& filter, EventCallback callback,
                                             Completion done) noexcept {
  if (core_ == nullptr) return gone();
  return core_->subscribe(session_, filter, std::move(callback), std::move(done), ClientCore::Body::raw);
}

Status Realtime::unsubscribe(Subscription subscription, Completion done) noexcept {
  return core_ == nullptr ? Status(gone()) : core_->unsubscribe(session_, subscription, std::move(done));
}

Status Realtime::unsubscribe(const SubscribeFilter& filter, Completion done) noexcept {
  return core_ == nullptr ? Status(gone()) : core_->unsubscribe(session_, filter, std::move(done));
}

Result<EventHandler> Realtime::on_event(EventCallback callback) noexcept {
  if (core_ == nullptr) return gone();
  return core_->on_event(session_, std::move(callback));
}

Status Realtime::off_event(EventHandler handler) noexcept {
  return core_ == nullptr ? Status(gone()) : core_->off_event(session_, handler);
}

Status Realtime::publish(const Message& message, PublishCompletion done, PublishOptions options) noexcept {
  return core_ == nullptr ? Status(gone()) : core_->publish(session_, message, std::move(done), options);
}

Status Realtime::publish_raw(const RawMessage& message, PublishCompletion done, PublishOptions options) noexcept {
  return core_ == nullptr ? Status(gone()) : core_->publish_raw(session_, message, std::move(done), options);
}

Status Realtime::disconnect(Completion done) noexcept {
  return core_ == nullptr ? Status(gone()) : core_->disconnect(session_, std::move(done));
}

ConnectionState Realtime::state() const noexcept {
  return core_ == nullptr ? ConnectionState::closed : core_->state(session_);
}

Stats Realtime::stats() const noexcept { return core_ == nullptr ? Stats{} : core_->stats(); }

const LatencyStats* Realtime::latency() const noexcept { return core_ == nullptr ? nullptr : core_->latency(); }

void Realtime::report(const Error& error) noexcept {
  if (core_ != nullptr) core_->report_later(session_, error);
}

Status Realtime::refresh_now() noexcept { return core_ == nullptr ? Status(gone()) : core_->refresh_now(session_); }

}  // namespace axonpush::inline v0
