// TLS for clients, over OpenSSL: a shareable, immutable context. The connections themselves are internal to `net`.
//
// Thread rule: a TlsContext may be shared by clients on several threads once it is made.
#pragma once

#include <axonpush/base/result.h>
#include <axonpush/base/tls_options.h>

namespace axonpush::inline v0::net {

class TlsContext {
 public:
  // Every file is read here. A trust store that ends up empty, or a file that is missing, empty or garbage, makes
  // status() fail, and then every connection fails: there is no fall-back to a default store.
  explicit TlsContext(const TlsOptions& options) noexcept;
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] const Status& status() const noexcept { return status_; }

  struct Impl;
  [[nodiscard]] Impl* impl() const noexcept { return impl_; }

 private:
  Impl* impl_;
  Status status_;
};

}  // namespace axonpush::inline v0::net
