// The rows of the TLS matrix that a certificate or a server's choice makes (X-01 to and more): what
// the server shows, and what the client says to it.
#pragma once

#include <axonpush/base/error.h>

#include <deque>
#include <string>
#include <vector>

#include "net/tls_peer.h"

namespace axonpush::net::test {

struct TlsRow {
  std::string id;      // of the matrix
  std::string server;  // what is special about it
  std::string host;    // what the client calls it
  ServerSpec spec;
  Errc code = Errc::none;   // none: accepted
  std::string reason = {};  // the error's own words
};

class TlsRows {
 public:
  TlsRows();
  TlsRows(const TlsRows&) = delete;
  TlsRows& operator=(const TlsRows&) = delete;

  Certificate root{{.common_name = "test root", .authority = true}};
  std::vector<TlsRow> rows;
  // One that is fine, for the connections in between: good for every host of the rows.
  ServerSpec good;

 private:
  using Chain = std::vector<const Certificate*>;
  const Certificate& make(const CertificateSpec& spec, const Certificate* issuer);
  const Certificate& leaf_for(const std::string& names);
  void accepts(const char* id, const char* server, const char* host, const ServerSpec& spec);
  void refuses(const char* id, const char* server, const char* host, const ServerSpec& spec, Errc code,
               const char* reason);
  void add_names();
  void add_chains();
  void add_dates_and_uses();
  void add_strengths();
  void add_protocols();

  std::deque<Certificate> kept_;
};

}  // namespace axonpush::net::test
