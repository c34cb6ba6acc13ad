// Names to addresses, off the loop's thread: an interface, so that a program may bring its own resolver.
//
// Thread rule: everything on the loop's thread; what an implementation does elsewhere is its own matter. Lifetime: a
// resolver outlives the clients that use it.
#pragma once

#include <axonpush/base/inline_vec.h>
#include <axonpush/base/result.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0::net {

class Reactor;

// An IPv4 or IPv6 address. IPv6 with an embedded IPv4 one (::ffff:a.b.c.d) is kept as IPv4.
class IpAddress {
 public:
  IpAddress() noexcept = default;
  [[nodiscard]] static IpAddress v4(std::span<const std::uint8_t, 4> bytes) noexcept;
  // `scope` is the interface's index of a link-local address, 0 for none.
  [[nodiscard]] static IpAddress v6(std::span<const std::uint8_t, 16> bytes, std::uint32_t scope = 0) noexcept;
  // A dotted quad or an IPv6 address without brackets and zone. False for everything else, shorthands like 127.1
  // included.
  [[nodiscard]] static bool parse(std::string_view text, IpAddress& into) noexcept;

  [[nodiscard]] bool is_v6() const noexcept { return v6_; }
  [[nodiscard]] Bytes bytes() const noexcept { return {bytes_, v6_ ? std::size_t{16} : std::size_t{4}}; }
  [[nodiscard]] std::uint32_t scope() const noexcept { return scope_; }
  [[nodiscard]] bool is_loopback() const noexcept;    // 127/8, ::1
  [[nodiscard]] bool is_link_local() const noexcept;  // 169.254/16, fe80::/10
  // 0/8, ::, multicast, broadcast and the reserved 240/4: nobody can be reached there over TCP.
  [[nodiscard]] bool is_unusable() const noexcept;
  friend bool operator==(const IpAddress& left, const IpAddress& right) noexcept;

 private:
  std::uint8_t bytes_[16] = {};
  std::uint32_t scope_ = 0;
  bool v6_ = false;
};

using IpAddresses = InlineVec<IpAddress, limits::kDnsAddresses>;

// Collects answers as they come from the outside: leaves out what is unusable and what is there already, and stops at
// the limit. Who dials decides about loopback and the order of families.
class AddressCollector {
 public:
  void add(const IpAddress& address) noexcept;
  // The families in turn, beginning with that of the first answer (RFC 8305 4); the order within a family is kept.
  [[nodiscard]] IpAddresses interleaved() const noexcept;

 private:
  IpAddresses families_[2];  // each capped by itself, so that 16 of one family cannot crowd out the other
  bool first_is_v6_ = false;
};

// Told the answer, once, on the loop's thread, and never from inside start().
class ResolveSink {
 public:
  virtual void on_resolved(const IpAddresses& addresses) noexcept = 0;
  virtual void on_resolve_failed(const Error& error) noexcept = 0;

 protected:
  ~ResolveSink() = default;
};

class Resolver {
 public:
  class Query;  // the implementation's own
  virtual ~Resolver() = default;
  // nullptr: refused at once, with the reason in `error`. The deadline is the caller's: it cancels.
  [[nodiscard]] virtual Query* start(std::string_view host, ResolveSink& sink, Error& error) noexcept = 0;
  // No call to the sink follows. Waits for nothing: a late answer is dropped. Only before the answer.
  virtual void cancel(Query* query) noexcept = 0;

 protected:
  Resolver() = default;
  Resolver(const Resolver&) = default;
  Resolver& operator=(const Resolver&) = default;
};

// getaddrinfo() on a thread of its own for each name, because nothing can stop it once it runs: a thread that nobody
// waits for any more ends by itself. At most kThreadsMax at a time; more are refused with dns_failed.
class SystemResolver final : public Resolver {
 public:
  static constexpr unsigned kThreadsMax = 8;
  explicit SystemResolver(Reactor& reactor) noexcept;
  ~SystemResolver() override;
  SystemResolver(const SystemResolver&) = delete;
  SystemResolver& operator=(const SystemResolver&) = delete;
  [[nodiscard]] Query* start(std::string_view host, ResolveSink& sink, Error& error) noexcept override;
  void cancel(Query* query) noexcept override;

  struct Shared;  // internal

 private:
  static void serve(void* work) noexcept;
  Shared* shared_ = nullptr;
};

}  // namespace axonpush::inline v0::net
