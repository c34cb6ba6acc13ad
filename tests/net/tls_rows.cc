#include "net/tls_rows.h"

namespace axonpush::net::test {

namespace {

constexpr const char* kOtherName = "the certificate is for another host name";
constexpr const char* kOtherAddress = "the certificate is for another IP address";

}  // namespace

const Certificate& TlsRows::make(const CertificateSpec& spec, const Certificate* issuer) {
  return kept_.emplace_back(spec, issuer);
}

const Certificate& TlsRows::leaf_for(const std::string& names) {
  return make({.common_name = "leaf", .extensions = {{"subjectAltName", names}}}, &root);
}

void TlsRows::accepts(const char* id, const char* server, const char* host, const ServerSpec& spec) {
  rows.push_back({.id = id, .server = server, .host = host, .spec = spec});
}

void TlsRows::refuses(const char* id, const char* server, const char* host, const ServerSpec& spec, Errc code,
                      const char* reason) {
  rows.push_back({.id = id, .server = server, .host = host, .spec = spec, .code = code, .reason = reason});
}

// RFC 9525 6: only subjectAltName counts, a wildcard is one whole label, an address needs an address.
void TlsRows::add_names() {
  const auto name_row = [this](const char* id, const char* names, const char* host, bool matches) {
    const ServerSpec spec{.chain = {&leaf_for(names)}};
    if (matches) return accepts(id, names, host, spec);
    refuses(id, names, host, spec, Errc::tls_verify, kOtherName);
  };
  name_row("X-01", "DNS:api.example.com", "api.example.com", true);
  const CertificateSpec other{.common_name = "api.example.com", .extensions = {{"subjectAltName", "DNS:other.test"}}};
  refuses("X-02", "CN matches, SAN does not", "api.example.com", {.chain = {&make(other, &root)}}, Errc::tls_verify,
          kOtherName);
  const CertificateSpec nameless{.common_name = "api.example.com", .dropped = {"subjectAltName"}};
  refuses("X-02", "CN matches, no SAN", "api.example.com", {.chain = {&make(nameless, &root)}}, Errc::tls_verify,
          kOtherName);
  name_row("X-03", "DNS:*.example.com", "a.example.com", true);
  name_row("X-03", "DNS:*.example.com", "a.b.example.com", false);
  name_row("X-03", "DNS:*.example.com", "example.com", false);
  name_row("X-03", "DNS:f*.example.com", "foo.example.com", false);
  name_row("X-03", "DNS:*.com", "example.com", false);
  name_row("X-03", "DNS:*", "example.com", false);
  const auto address_row = [this](const char* names, const char* host, bool matches) {
    const ServerSpec spec{.chain = {&leaf_for(names)}};
    if (matches) return accepts("X-04", names, host, spec);
    refuses("X-04", names, host, spec, Errc::tls_verify, kOtherAddress);
  };
  address_row("DNS:127.0.0.1", "127.0.0.1", false);
  address_row("IP:127.0.0.1", "127.0.0.1", true);
  address_row("IP:127.0.0.2", "127.0.0.1", false);
  address_row("DNS:localhost", "127.0.0.1", false);
  const CertificateSpec nul{.raw_dns_names = {std::string("good.test\0.evil.test", 20)}};
  refuses("X-05", "SAN good.test\\0.evil.test", "good.test", {.chain = {&make(nul, &root)}}, Errc::tls_verify,
          kOtherName);
  name_row("X-05", "DNS:API.Example.COM", "api.example.com", true);
  name_row("X-05", "DNS:api.example.com", "api.example.com.", true);
  const CertificateSpec rooted{.raw_dns_names = {"api.example.com."}};
  accepts("X-05", "DNS:api.example.com.", "api.example.com", {.chain = {&make(rooted, &root)}});
  const CertificateSpec u_label{.raw_dns_names = {"b\xC3\xBC"
                                                  "cher.example"}};
  refuses("X-05", "SAN is a U-label", "xn--bcher-kva.example", {.chain = {&make(u_label, &root)}}, Errc::tls_verify,
          kOtherName);
}

// RFC 5280 6.1
void TlsRows::add_chains() {
  const auto chain_row = [this](const char* server, const Chain& chain, const char* reason) {
    refuses("X-06", server, "localhost", {.chain = chain}, Errc::tls_verify, reason);
  };
  const CertificateSpec authority{.common_name = "intermediate", .authority = true};
  const CertificateSpec plain{.common_name = "leaf"};
  const Certificate& intermediate = make(authority, &root);
  const Certificate& below = make(plain, &intermediate);
  accepts("X-06", "an intermediate that is sent along", "localhost", {.chain = {&below, &intermediate}});
  chain_row("self-signed", {&make(plain, nullptr)}, "the certificate is self-signed");
  const Certificate& stranger = make({.common_name = "stranger", .authority = true}, nullptr);
  const Certificate& strange = make(plain, &stranger);
  chain_row("unknown CA, sent along", {&strange, &stranger},
            "the chain ends in a certificate authority that is not trusted");
  // Without more, nobody can tell an unknown issuer from one that was left out: one reason for both.
  chain_row("missing intermediate, or unknown CA not sent", {&below},
            "the certificate's issuer is not trusted, or an intermediate certificate is missing");
  const Certificate& no_authority = make(
      {.common_name = "no authority", .extensions = {{"keyUsage", "critical,digitalSignature,keyCertSign"}}}, &root);
  chain_row("intermediate with CA:FALSE", {&make(plain, &no_authority), &no_authority},
            "a certificate in the chain may not issue others");
  const Certificate& no_signer =
      make({.common_name = "no signer", .extensions = {{"keyUsage", "critical,cRLSign"}}, .authority = true}, &root);
  // OpenSSL has one word for both kinds of "no authority".
  refuses("5280", "intermediate that may not sign certificates", "localhost",
          {.chain = {&make(plain, &no_signer), &no_signer}}, Errc::tls_verify,
          "a certificate in the chain may not issue others");
  const Certificate& short_path = make(
      {.common_name = "short", .extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}, .authority = true},
      &root);
  const Certificate& too_deep = make(authority, &short_path);
  chain_row("pathlen exceeded", {&make(plain, &too_deep), &too_deep, &short_path},
            "the chain is longer than one of its authorities allows");
  const Certificate& constrained = make({.common_name = "constrained",
                                         .extensions = {{"nameConstraints", "critical,permitted;DNS:example.com"}},
                                         .authority = true},
                                        &root);
  chain_row("name constraint, not permitted", {&make(plain, &constrained), &constrained},
            "the name is outside those the authority may certify");
  const Certificate& excluding = make({.common_name = "excluding",
                                       .extensions = {{"nameConstraints", "critical,excluded;DNS:localhost"}},
                                       .authority = true},
                                      &root);
  chain_row("name constraint, excluded", {&make(plain, &excluding), &excluding},
            "the name is among those the authority may not certify");
  chain_row("unknown critical extension",
            {&make({.common_name = "leaf", .extensions = {{"1.2.3.4.5", "critical,DER:0500"}}}, &root)},
            "a certificate has a critical extension that is unknown");
  Chain long_chain = {&root};
  for (int depth = 0; depth < 12; ++depth) {
    long_chain.insert(long_chain.begin(),
                      &make({.common_name = "level " + std::to_string(depth), .authority = true}, long_chain.front()));
  }
  long_chain.insert(long_chain.begin(), &make(plain, long_chain.front()));
  long_chain.pop_back();
  refuses("X-18", "12 intermediates", "localhost", {.chain = long_chain}, Errc::tls_verify,
          "the chain of certificates is too long");
}

void TlsRows::add_dates_and_uses() {
  const auto leaf_row = [this](const char* id, const char* server, const CertificateSpec& spec, const char* reason) {
    refuses(id, server, "localhost", {.chain = {&make(spec, &root)}}, Errc::tls_verify, reason);
  };
  leaf_row("X-07", "expired", {.not_before_days = -30, .not_after_days = -1}, "the certificate has expired");
  leaf_row("X-07", "not yet valid", {.not_before_days = 2, .not_after_days = 30}, "the certificate is not valid yet");
  const Certificate& expired =
      make({.common_name = "expired", .not_before_days = -30, .not_after_days = -1, .authority = true}, &root);
  refuses("X-07", "expired intermediate", "localhost", {.chain = {&make({}, &expired), &expired}}, Errc::tls_verify,
          "a certificate that vouches for the server's has expired");
  const Certificate& early =
      make({.common_name = "early", .not_before_days = 2, .not_after_days = 30, .authority = true}, &root);
  refuses("X-07", "intermediate not yet valid", "localhost", {.chain = {&make({}, &early), &early}}, Errc::tls_verify,
          "a certificate that vouches for the server's is not valid yet");
  leaf_row("X-08", "for clients only", {.extensions = {{"extendedKeyUsage", "clientAuth"}}},
           "the certificate is not for TLS servers");
  leaf_row("X-08", "key for encryption only",
           {.extensions = {{"keyUsage", "critical,keyEncipherment"}}, .key = axonpush::test::KeyKind::rsa2048},
           "the certificate's key may not be used for signatures");
}

void TlsRows::add_strengths() {
  using axonpush::test::KeyKind;
  refuses("X-09", "RSA with 1024 bits", "localhost", {.chain = {&make({.key = KeyKind::rsa1024}, &root)}},
          Errc::tls_verify, "the certificate's key is too small");
  refuses("X-09", "SHA-1 signature", "localhost", {.chain = {&make({.sha1 = true}, &root)}}, Errc::tls_verify,
          "the signature of a certificate uses a broken hash");
  const Certificate& weak = make({.common_name = "weak", .key = KeyKind::rsa1024, .authority = true}, &root);
  refuses("X-09", "intermediate with RSA 1024", "localhost", {.chain = {&make({}, &weak), &weak}}, Errc::tls_verify,
          "the key of an issuing certificate is too small");
  const Certificate& tiny = make({.common_name = "tiny", .key = KeyKind::p192, .authority = true}, &root);
  refuses("X-09", "intermediate with P-192", "localhost", {.chain = {&make({}, &tiny), &tiny}}, Errc::tls_verify,
          "the key of an issuing certificate is too small");
  refuses("X-09", "P-192", "localhost", {.chain = {&make({.key = KeyKind::p192}, &root)}}, Errc::tls_protocol,
          "the server shares no cipher, group or signature with us");
}

void TlsRows::add_protocols() {
  using axonpush::test::KeyKind;
  const Certificate& fine = make({}, &root);
  const Certificate& rsa = make({.key = KeyKind::rsa2048}, &root);
  const auto version_row = [&](const char* server, int version) {
    refuses("X-10", server, "localhost", {.chain = {&fine}, .version_min = version, .version_max = version},
            Errc::tls_protocol, "the server refuses the TLS versions from 1.2 on");
  };
  version_row("TLS 1.0 only", TLS1_VERSION);
  version_row("TLS 1.1 only", TLS1_1_VERSION);
  accepts("X-10", "TLS 1.2 only", "localhost", {.chain = {&fine}, .version_max = TLS1_2_VERSION});
  accepts("X-10", "TLS 1.3 only", "localhost", {.chain = {&fine}, .version_min = TLS1_3_VERSION});
  for (const char* ciphers : {"ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "AES128-GCM-SHA256", "AES128-SHA",
                              "DHE-RSA-AES128-GCM-SHA256", "ADH-AES128-GCM-SHA256", "AECDH-AES128-SHA", "NULL-SHA256",
                              "ECDHE-RSA-NULL-SHA"}) {
    refuses("X-11", ciphers, "localhost", {.chain = {&rsa}, .version_max = TLS1_2_VERSION, .ciphers12 = ciphers},
            Errc::tls_protocol, "the server shares no cipher, group or signature with us");
  }
  accepts("X-11", "ECDHE-RSA-CHACHA20-POLY1305", "localhost",
          {.chain = {&rsa}, .version_max = TLS1_2_VERSION, .ciphers12 = "ECDHE-RSA-CHACHA20-POLY1305"});
  refuses("X-11", "group P-521 only", "localhost", {.chain = {&fine}, .groups = "P-521"}, Errc::tls_protocol,
          "the server shares no cipher, group or signature with us");
  accepts("X-15", "no ALPN", "localhost", {.chain = {&fine}});
}

TlsRows::TlsRows() {
  const char* names =
      "DNS:api.example.com,DNS:a.example.com,DNS:a.b.example.com,DNS:example.com,DNS:foo.example.com,DNS:localhost,"
      "DNS:good.test,DNS:xn--bcher-kva.example,IP:127.0.0.1";
  good.chain = {&leaf_for(names)};
  add_names();
  add_chains();
  add_dates_and_uses();
  add_strengths();
  add_protocols();
}

}  // namespace axonpush::net::test
