#include "net/peer_name.h"

#include <axonpush/net/resolver.h>

namespace axonpush::inline v0::net {

namespace {

bool is_label_character(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '-';
}

// RFC 1034 3.5 and RFC 1123 2.1: labels of letters, digits and inner hyphens.
bool is_dns_name(std::string_view name) noexcept {
  std::size_t label_size = 0;
  for (std::size_t index = 0; index < name.size(); ++index) {
    if (name[index] == '.') {
      if (label_size == 0 || name[index - 1] == '-') return false;
      label_size = 0;
      continue;
    }
    if (!is_label_character(name[index]) || (label_size == 0 && name[index] == '-')) return false;
    if (++label_size > limits::kHostLabelBytes) return false;
  }
  return label_size != 0 && name.back() != '-';
}

}  // namespace

Status PeerName::assign(std::string_view host) noexcept {
  IpAddress address;
  is_address_ = IpAddress::parse(host, address);
  if (!is_address_) {
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() > limits::kHostBytes || !is_dns_name(host)) {
      return Error(Errc::invalid_argument, "this is no host name that a certificate could prove");
    }
  }
  std::memcpy(text_, host.data(), host.size());
  text_[host.size()] = '\0';
  size_ = host.size();
  return {};
}

}  // namespace axonpush::inline v0::net
