#include "net/tls_verify.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "base/verified.h"
#include "net/tls_error.h"

namespace axonpush::inline v0::net {

namespace {

// RFC 9525 6.3: a name is matched against subjectAltName only, wildcards stand for one whole label.
constexpr unsigned kNameFlags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
constexpr long kStapleSkewSeconds = 300;

// "name." written out to the root is the same name: a certificate may have it either way.
struct RootedName {
  explicit RootedName(const PeerName& name) noexcept {
    std::memcpy(text, name.c_str(), name.view().size());
    text[name.view().size()] = '.';
  }
  char text[limits::kHostBytes + 2] = {};
};

bool name_matches(X509* leaf, const PeerName& name) noexcept {
  if (name.is_address()) return X509_check_ip_asc(leaf, name.c_str(), kNameFlags) == 1;
  if (X509_check_host(leaf, name.c_str(), name.view().size(), kNameFlags, nullptr) == 1) return true;
  return X509_check_host(leaf, RootedName(name).text, name.view().size() + 1, kNameFlags, nullptr) == 1;
}

Error refused(int code) noexcept { return verify_error(code, nullptr); }

Status check_leaf(X509* leaf, const PeerName& name) noexcept {
  if (!name_matches(leaf, name)) {
    return refused(name.is_address() ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
  }
  if (X509_cmp_current_time(X509_get0_notBefore(leaf)) >= 0) return refused(X509_V_ERR_CERT_NOT_YET_VALID);
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0) return refused(X509_V_ERR_CERT_HAS_EXPIRED);
  // RFC 8446 4.4.2.2: the key signs the handshake, so where the usage is told it must allow that. OpenSSL's purpose
  // check is content with a key for encryption.
  const std::uint32_t usage = X509_get_key_usage(leaf);
  if (usage != UINT32_MAX && (usage & X509v3_KU_DIGITAL_SIGNATURE) == 0) {
    return Error(Errc::tls_verify, "the certificate's key may not be used for signatures")
        .with_number(X509_V_ERR_INVALID_PURPOSE);
  }
  return {};
}

// Owns the chain built anew for a resumed session.
class Reverification {
 public:
  Reverification() noexcept : context_(X509_STORE_CTX_new()) {}
  Reverification(const Reverification&) = delete;
  Reverification& operator=(const Reverification&) = delete;
  ~Reverification() { X509_STORE_CTX_free(context_); }

  [[nodiscard]] Status run(SSL* ssl, X509* leaf) noexcept {
    X509_STORE* store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    if (context_ == nullptr || X509_STORE_CTX_init(context_, store, leaf, SSL_get_peer_cert_chain(ssl)) != 1) {
      return refused(X509_V_ERR_OUT_OF_MEM);
    }
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context_);
    X509_VERIFY_PARAM_set_auth_level(parameters, SSL_get_security_level(ssl));
    if (X509_STORE_CTX_set_default(context_, "ssl_server") != 1 ||
        X509_VERIFY_PARAM_set1(parameters, SSL_get0_param(ssl)) != 1) {
      return refused(X509_V_ERR_OUT_OF_MEM);
    }
    if (X509_verify_cert(context_) == 1) return {};
    const int code = X509_STORE_CTX_get_error(context_);
    return verify_error(code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code, ssl);
  }
  [[nodiscard]] STACK_OF(X509) * chain() const noexcept { return X509_STORE_CTX_get0_chain(context_); }

 private:
  X509_STORE_CTX* context_;
};

bool pinned(X509* certificate, const InlineVec<SpkiPin, 8>& pins) noexcept {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
  if (size <= 0) return false;
  std::uint8_t digest[SHA256_DIGEST_LENGTH];
  const bool hashed = SHA256(encoded, static_cast<std::size_t>(size), digest) != nullptr;
  OPENSSL_free(encoded);
  if (!hashed) return false;
  for (const SpkiPin& pin : pins) {
    if (std::memcmp(pin.sha256, digest, sizeof digest) == 0) return true;
  }
  return false;
}

Status check_pins(STACK_OF(X509) * chain, const InlineVec<SpkiPin, 8>& pins) noexcept {
  if (pins.empty()) return {};
  for (int index = 0; chain != nullptr && index < sk_X509_num(chain); ++index) {
    if (pinned(sk_X509_value(chain, index), pins)) return {};
  }
  return Error(Errc::tls_verify, "no key of the certificate's chain is among the pinned ones")
      .with_number(X509_V_ERR_APPLICATION_VERIFICATION);
}

// RFC 7633: the certificate promises that its status comes along in the handshake.
bool must_staple(X509* leaf) noexcept {
  constexpr long kStatusRequest = 5;  // RFC 6066 8
  auto* features = static_cast<TLS_FEATURE*>(X509_get_ext_d2i(leaf, NID_tlsfeature, nullptr, nullptr));
  bool found = false;
  for (int index = 0; features != nullptr && index < sk_ASN1_INTEGER_num(features); ++index) {
    found = found || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, index)) == kStatusRequest;
  }
  TLS_FEATURE_free(features);
  return found;
}

Error staple_error(const char* what) noexcept {
  ERR_clear_error();
  return Error(Errc::tls_verify, what).with_number(X509_V_ERR_OCSP_VERIFY_NEEDED);
}

Status judge_staple(OCSP_BASICRESP* basic, SSL* ssl, STACK_OF(X509) * chain) noexcept {
  if (sk_X509_num(chain) < 2) return staple_error("the certificate has no issuer that could vouch for its status");
  if (OCSP_basic_verify(basic, chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) != 1) {
    return staple_error("the stapled status is not signed by the certificate's issuer");
  }
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, sk_X509_value(chain, 0), sk_X509_value(chain, 1));
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  int reason = 0;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const bool found =
      id != nullptr && OCSP_resp_find_status(basic, id, &status, &reason, nullptr, &this_update, &next_update) == 1;
  OCSP_CERTID_free(id);
  if (!found) return staple_error("the stapled status is about another certificate");
  if (OCSP_check_validity(this_update, next_update, kStapleSkewSeconds, -1) != 1) {
    return staple_error("the stapled status is out of date");
  }
  if (status == V_OCSP_CERTSTATUS_REVOKED) return refused(X509_V_ERR_CERT_REVOKED);
  if (status != V_OCSP_CERTSTATUS_GOOD) return staple_error("the stapled status is unknown");
  return {};
}

Status check_staple(SSL* ssl, X509* leaf, STACK_OF(X509) * chain) noexcept {
  const unsigned char* encoded = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &encoded);
  if (encoded == nullptr || size <= 0) {
    return must_staple(leaf) ? Status(staple_error("the certificate demands a stapled status, and none came"))
                             : Status();
  }
  OCSP_RESPONSE* response = d2i_OCSP_RESPONSE(nullptr, &encoded, size);
  OCSP_BASICRESP* basic = nullptr;
  if (response != nullptr && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    basic = OCSP_response_get1_basic(response);
  }
  Status judged =
      basic == nullptr ? Status(staple_error("the stapled status cannot be read")) : judge_staple(basic, ssl, chain);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  return judged;
}

}  // namespace

Status demand_name(SSL* ssl, const PeerName& name) noexcept {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(parameters, kNameFlags);
  if (name.view().empty()) return Error(Errc::internal, "there is no name to verify");
  if (name.is_address()) {
    // RFC 6066 3: literal addresses are not sent as SNI.
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1) return {};
    return take_setup_error("the address to verify could not be set");
  }
  if (SSL_set1_host(ssl, name.c_str()) != 1 || SSL_add1_host(ssl, RootedName(name).text) != 1 ||
      SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
    return take_setup_error("the host name to verify could not be set");
  }
  return {};
}

Result<TlsVerified> verify_peer(SSL* ssl, const PeerName& name, const TlsContext::Impl& context) noexcept {
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK) return verify_error(verdict, ssl);
  X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return Error(Errc::tls_verify, "the server showed no certificate");
  if (Status checked = check_leaf(leaf, name); !checked.ok()) return checked.error();
  STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  Reverification again;
  if (SSL_session_reused(ssl) == 1) {
    if (Status verified = again.run(ssl, leaf); !verified.ok()) return verified.error();
    chain = again.chain();
  }
  if (Status held = check_pins(chain, context.pins); !held.ok()) return held.error();
  if (context.require_ocsp_staple) {
    if (Status stapled = check_staple(ssl, leaf, chain); !stapled.ok()) return stapled.error();
  }
  ERR_clear_error();
  return TlsVerifiedIssuer::issue();
}

}  // namespace axonpush::inline v0::net
