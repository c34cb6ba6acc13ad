#include "net/tls_error.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

namespace axonpush::inline v0::net {

namespace {

struct Sentence {
  int code;
  const char* text;
};

constexpr Sentence kVerifySentences[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "the issuer of a certificate is unknown"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "the certificate's issuer is not trusted, or an intermediate certificate is missing"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "the certificate's issuer is not trusted, and no other was sent"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the certificate is self-signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the chain ends in a certificate authority that is not trusted"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "the signature of a certificate is wrong"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not valid yet"},
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "the certificate's first date cannot be read"},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "the certificate's last date cannot be read"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "the chain of certificates is too long"},
    {X509_V_ERR_CERT_REVOKED, "the certificate was revoked"},
    {X509_V_ERR_INVALID_CA, "a certificate in the chain may not issue others"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "the chain is longer than one of its authorities allows"},
    {X509_V_ERR_INVALID_PURPOSE, "the certificate is not for TLS servers"},
    {X509_V_ERR_CERT_UNTRUSTED, "the certificate is not trusted for TLS servers"},
    {X509_V_ERR_CERT_REJECTED, "the certificate is marked as rejected for TLS servers"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "an issuing certificate is not for signing certificates"},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "a certificate has a critical extension that is unknown"},
    {X509_V_ERR_PERMITTED_VIOLATION, "the name is outside those the authority may certify"},
    {X509_V_ERR_EXCLUDED_VIOLATION, "the name is among those the authority may not certify"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "the certificate is for another host name"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, "the certificate is for another IP address"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "the certificate's key is too small"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "the key of an issuing certificate is too small"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "the signature of a certificate uses a broken hash"},
    {X509_V_ERR_OUT_OF_MEM, "no memory to verify the certificate"},
};

constexpr Sentence kProtocolSentences[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the server does not speak TLS, or a version that is refused"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the server speaks no TLS version from 1.2 on"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the server refuses the TLS versions from 1.2 on"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the server shares no cipher, group or signature with us"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "the server demands other ciphers"},
    {SSL_R_WRONG_CIPHER_RETURNED, "the server chose a cipher that was not offered"},
    {SSL_R_UNKNOWN_CIPHER_RETURNED, "the server chose an unknown cipher"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher is shared"},
    {SSL_R_DH_KEY_TOO_SMALL, "the server's key exchange is too weak"},
    {SSL_R_EE_KEY_TOO_SMALL, "the certificate's key is too small"},
    {SSL_R_WRONG_CURVE, "the server chose a group that was not offered"},
    {SSL_R_WRONG_SIGNATURE_TYPE, "the server signed in a way that was not offered"},
    {SSL_R_NO_RENEGOTIATION, "the server asked for renegotiation"},
    {SSL_R_UNSUPPORTED_COMPRESSION_ALGORITHM, "the server chose compression, which was not offered"},
    {343, "the server chose compression, which was not offered"},
    {SSL_R_BAD_EXTENSION, "the server sent an extension that cannot be right"},
    {SSL_R_UNSOLICITED_EXTENSION, "the server sent an extension that was not asked for"},
    {SSL_R_INAPPROPRIATE_FALLBACK, "somebody between us and the server lowered the TLS version"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, "the server cannot renegotiate safely (RFC 5746)"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "a message of the handshake is too large"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "a TLS record is too large"},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "a TLS record is too large"},
    {SSL_R_DATA_LENGTH_TOO_LONG, "a TLS record is too large"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a TLS record was damaged on its way"},
    {SSL_R_BAD_RECORD_TYPE, "a TLS record has an unknown type"},
    {SSL_R_RECORD_TOO_SMALL, "too many TLS records without content"},
    {SSL_R_TOO_MANY_KEY_UPDATES, "too many key updates"},
    {SSL_R_TOO_MANY_WARN_ALERTS, "too many TLS warnings"},
    {SSL_R_UNEXPECTED_MESSAGE, "a TLS message came out of order"},
    {SSL_R_UNKNOWN_ALERT_TYPE, "the server sent an unknown TLS alert"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the server demands a client certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the server refuses our certificate"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the server does not trust the issuer of our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the server refuses our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the server says that our certificate has expired"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "the server denies access"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "the server does not know this host name"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, "the server failed inside TLS"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "the server could not verify the handshake"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "the server shares no application protocol with us"},
};

const char* sentence_of(std::span<const Sentence> table, long code, const char* otherwise) noexcept {
  for (const Sentence& row : table) {
    if (row.code == code) return row.text;
  }
  return otherwise;
}

enum class Date : std::uint8_t {
  first,
  last
};

// OpenSSL says that some certificate is out of its dates, and not which.
bool leaf_is_fine(const SSL* ssl, Date date) noexcept {
  STACK_OF(X509)* chain = ssl == nullptr ? nullptr : SSL_get_peer_cert_chain(ssl);
  const X509* leaf = chain == nullptr || sk_X509_num(chain) == 0 ? nullptr : sk_X509_value(chain, 0);
  if (leaf == nullptr) return false;
  if (date == Date::last) return X509_cmp_current_time(X509_get0_notAfter(leaf)) > 0;
  return X509_cmp_current_time(X509_get0_notBefore(leaf)) < 0;
}

}  // namespace

Error verify_error(long code, const SSL* ssl) noexcept {
  const char* what = sentence_of(kVerifySentences, code, "the certificate was not accepted");
  if (code == X509_V_ERR_OUT_OF_MEM) return Error(Errc::no_memory, what);
  if (code == X509_V_ERR_CERT_HAS_EXPIRED && leaf_is_fine(ssl, Date::last)) {
    what = "a certificate that vouches for the server's has expired";
  }
  if (code == X509_V_ERR_CERT_NOT_YET_VALID && leaf_is_fine(ssl, Date::first)) {
    what = "a certificate that vouches for the server's is not valid yet";
  }
  return Error(Errc::tls_verify, what).with_number(static_cast<std::uint32_t>(code));
}

namespace {

// Empties the thread's queue. The first word of libssl says what it means for the connection; what its ciphers and
// parsers have to say may stand in front of it.
unsigned long take_telling_error() noexcept {
  unsigned long telling = 0;
  while (const unsigned long packed = ERR_get_error()) {
    const bool better = ERR_GET_LIB(telling) != ERR_LIB_SSL && ERR_GET_LIB(packed) == ERR_LIB_SSL;
    if (telling == 0 || better || ERR_GET_REASON(packed) == ERR_R_MALLOC_FAILURE) telling = packed;
  }
  return telling;
}

}  // namespace

Error take_tls_error(const SSL* ssl) noexcept {
  const unsigned long packed = take_telling_error();
  const int reason = ERR_GET_REASON(packed);
  if (reason == ERR_R_MALLOC_FAILURE) return Error(Errc::no_memory, "no memory for TLS");
  if (ERR_GET_LIB(packed) != ERR_LIB_SSL) {
    return Error(Errc::tls_protocol, "TLS failed in its cryptography").with_number(static_cast<std::uint32_t>(reason));
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) return verify_error(SSL_get_verify_result(ssl), ssl);
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return Error(Errc::tls_truncated, "the stream ended without TLS close_notify");
  }
  const char* otherwise =
      reason >= SSL_AD_REASON_OFFSET ? "the server ended TLS with an alert" : "the server broke the TLS protocol";
  const char* what = sentence_of(kProtocolSentences, reason, otherwise);
  return Error(Errc::tls_protocol, what).with_number(static_cast<std::uint32_t>(reason));
}

Error take_setup_error(const char* what) noexcept {
  const unsigned long packed = ERR_get_error();
  ERR_clear_error();
  const int reason = ERR_GET_REASON(packed);
  if (reason == ERR_R_MALLOC_FAILURE) return Error(Errc::no_memory, "no memory for TLS");
  return Error(Errc::invalid_argument, what).with_number(static_cast<std::uint32_t>(reason));
}

}  // namespace axonpush::inline v0::net
