// The name a server has to prove: a DNS name or an IP address.
#pragma once

#include <axonpush/base/fixed_text.h>
#include <axonpush/base/result.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0::net {

class PeerName {
 public:
  // A host as a URL has it: letters, digits, hyphens and dots, or an IP literal without brackets. One trailing dot (the
  // root) is no part of what is verified. invalid_argument for anything else, the empty name first of all: OpenSSL
  // takes it for "check no name".
  [[nodiscard]] Status assign(std::string_view host) noexcept;

  [[nodiscard]] bool is_address() const noexcept { return is_address_; }
  // Terminated with NUL, because OpenSSL wants it so; lives as long as this object is unchanged.
  [[nodiscard]] const char* c_str() const noexcept { return text_; }
  [[nodiscard]] std::string_view view() const noexcept { return {text_, size_}; }

 private:
  char text_[limits::kHostBytes + 1] = {};
  std::size_t size_ = 0;
  bool is_address_ = false;
};

}  // namespace axonpush::inline v0::net
