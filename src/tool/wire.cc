#include "tool/wire.h"

#include <arpa/inet.h>

namespace axonpush::tool {

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;

}  // namespace

std::string address_text(const net::IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.is_v6() ? AF_INET6 : AF_INET, address.bytes().data(), text, sizeof text);
  return text;
}

bool Wire::turn_until_told() {
  while (!told_ && net::Reactor::clock() < deadline_) reactor_.run_once(deadline_);
  return std::exchange(told_, false);
}

// --- The name

Status Wire::resolve(std::string_view host, std::string_view address) {
  addresses_.clear();
  if (Status named = name_.assign(host); !named.ok()) return named;
  net::IpAddress literal;
  if (!address.empty() || name_.is_address()) {
    if (!net::IpAddress::parse(address.empty() ? host : address, literal)) {
      return Error(Errc::invalid_argument, "the address to dial is no IP address");
    }
    static_cast<void>(addresses_.push_back(literal));
    return {};
  }
  Error refused;
  told_ = false;
  net::Resolver::Query* query = resolver_.start(host, *this, refused);
  if (query == nullptr) return refused;
  if (turn_until_told()) return told_status_;
  resolver_.cancel(query);
  return Error(Errc::dns_failed, "the name was not looked up in time");
}

void Wire::on_resolved(const net::IpAddresses& addresses) noexcept {
  addresses_ = addresses;
  told_ = true;
  told_status_ = addresses.empty() ? Status(Error(Errc::dns_failed, "the name has no usable addresses")) : Status();
}

void Wire::on_resolve_failed(const Error& error) noexcept {
  told_ = true;
  told_status_ = error;
}

// --- TCP

Status Wire::connect(std::uint16_t port) {
  port_ = port;
  told_ = false;
  net::Dialer dialer(reactor_, *this);
  dialer.start(addresses_, port, deadline_ - net::Reactor::clock());
  if (turn_until_told()) return told_status_;
  return Error(Errc::connect_timeout, "nobody answered in time");
}

void Wire::on_dialed(net::Socket socket) noexcept {
  socket_ = std::move(socket);
  told_ = true;
  told_status_ = Status();
}

void Wire::on_dial_failed(const Error& error) noexcept {
  told_ = true;
  told_status_ = error;
}

// --- TLS and bytes

Status Wire::secure() {
  if (!tls_.status().ok()) return tls_.status();
  stream_.emplace(socket_, buffers_);
  if (Status opened = stream_->open(*tls_.impl(), name_, port_, sessions_); !opened.ok()) return opened;
  for (;;) {
    const IoOutcome outcome = stream_->handshake();
    if (outcome == IoOutcome::would_block && wait_for(stream_->handshake_interest())) continue;
    stream_->facts(facts_);
    if (outcome == IoOutcome::ok) return {};
    if (outcome == IoOutcome::error) return stream_->error();
    return Error(Errc::connect_timeout, "the TLS handshake was not finished in time");
  }
}

void Wire::on_ready(Interest ready) noexcept {
  if (ready.read && stream_.has_value()) stream_->readable();
  told_ = true;
}

bool Wire::wait_for(Interest interest) {
  const Status watched = watched_ ? reactor_.modify(socket_.descriptor(), interest, *this)
                                  : reactor_.add(socket_.descriptor(), interest, *this);
  if (!watched.ok()) return false;
  watched_ = true;
  told_ = false;
  return turn_until_told();
}

Status Wire::send(Bytes bytes) {
  while (!bytes.empty()) {
    const IoResult sent = stream_.has_value() ? stream_->send(bytes) : socket_.send(bytes);
    if (sent.outcome == IoOutcome::ok) {
      bytes = bytes.subspan(sent.size);
    } else if (sent.outcome != IoOutcome::would_block) {
      return stream_.has_value() ? stream_->error() : Error(Errc::connection_lost, "the connection was lost");
    } else {
      const bool reads = stream_.has_value() && stream_->send_wants_read();
      if (!wait_for({.read = reads, .write = !reads})) {
        return Error(Errc::connect_timeout, "the server took nothing in time");
      }
    }
  }
  return {};
}

IoResult Wire::recv(MutableBytes into) { return stream_.has_value() ? stream_->recv(into) : socket_.recv(into); }

Status Wire::receive() {
  std::uint8_t block[kReadBytes];
  for (;;) {
    const IoResult got = recv(block);
    switch (got.outcome) {
      case IoOutcome::ok:
        input_.insert(input_.end(), block, block + got.size);
        wipe(MutableBytes(block).first(got.size));  // credentials pass through here
        return {};
      case IoOutcome::eof:
        return Error(Errc::server_closed, "the server ended the connection");
      case IoOutcome::error:
        return stream_.has_value() ? stream_->error() : Error(Errc::connection_lost, "the connection was lost");
      case IoOutcome::would_block:
        break;
    }
    const bool writes = stream_.has_value() && stream_->recv_wants_write();
    if (!(stream_.has_value() && stream_->wants_again()) && !wait_for({.read = !writes, .write = writes})) {
      return Error(Errc::ack_timeout, "the server did not answer in time");
    }
  }
}

void Wire::close() {
  if (watched_) reactor_.remove(socket_.descriptor(), *this);
  watched_ = false;
  if (stream_.has_value()) static_cast<void>(stream_->shutdown());
  stream_.reset();
  socket_.close();
  wipe(MutableBytes(input_));
  input_.clear();
}

}  // namespace axonpush::tool
