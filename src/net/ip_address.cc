#include <axonpush/net/resolver.h>

#include <arpa/inet.h>
#include <sys/socket.h>

namespace axonpush::inline v0::net {

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> bytes) noexcept {
  IpAddress made;
  std::memcpy(made.bytes_, bytes.data(), 4);
  return made;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> bytes, std::uint32_t scope) noexcept {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  // RFC 4291 2.5.5.2: an IPv4 address in IPv6 clothes; kept as what it is, so that no rule for IPv4 can be dodged.
  if (std::memcmp(bytes.data(), kMapped, sizeof kMapped) == 0) return v4(bytes.subspan<12, 4>());
  IpAddress made;
  std::memcpy(made.bytes_, bytes.data(), 16);
  made.scope_ = scope;
  made.v6_ = true;
  return made;
}

bool IpAddress::parse(std::string_view text, IpAddress& into) noexcept {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(terminated, text.data(), text.size());
  std::uint8_t bytes[16] = {};
  if (::inet_pton(AF_INET, terminated, bytes) == 1) {
    into = v4(std::span<const std::uint8_t, 4>(bytes, 4));
    return true;
  }
  if (::inet_pton(AF_INET6, terminated, bytes) != 1) return false;
  into = v6(bytes);
  return true;
}

bool IpAddress::is_loopback() const noexcept {
  static constexpr std::uint8_t kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return v6_ ? std::memcmp(bytes_, kLoopback, 16) == 0 : bytes_[0] == 127;
}

bool IpAddress::is_link_local() const noexcept {
  return v6_ ? bytes_[0] == 0xFE && (bytes_[1] & 0xC0) == 0x80 : bytes_[0] == 169 && bytes_[1] == 254;
}

bool IpAddress::is_unusable() const noexcept {
  static constexpr std::uint8_t kUnspecified[16] = {};
  if (v6_) return bytes_[0] == 0xFF || std::memcmp(bytes_, kUnspecified, 16) == 0;
  return bytes_[0] == 0 || bytes_[0] >= 224;  // RFC 1122 3.2.1.3; RFC 5771: multicast; RFC 1112 4: reserved, broadcast
}

bool operator==(const IpAddress& left, const IpAddress& right) noexcept {
  return left.v6_ == right.v6_ && left.scope_ == right.scope_ &&
         std::memcmp(left.bytes_, right.bytes_, sizeof left.bytes_) == 0;
}

void AddressCollector::add(const IpAddress& address) noexcept {
  if (address.is_unusable()) return;
  if (families_[0].empty() && families_[1].empty()) first_is_v6_ = address.is_v6();
  IpAddresses& family = families_[address.is_v6() ? 1 : 0];
  for (const IpAddress& known : family) {
    if (known == address) return;
  }
  static_cast<void>(family.push_back(address));  // full: the limit is reached and the rest is left out
}

IpAddresses AddressCollector::interleaved() const noexcept {
  IpAddresses made;
  const IpAddresses& first = families_[first_is_v6_ ? 1 : 0];
  const IpAddresses& second = families_[first_is_v6_ ? 0 : 1];
  for (std::size_t index = 0; index < first.size() || index < second.size(); ++index) {
    if (index < first.size()) static_cast<void>(made.push_back(first[index]));
    if (index < second.size()) static_cast<void>(made.push_back(second[index]));
  }
  return made;
}

}  // namespace axonpush::inline v0::net
