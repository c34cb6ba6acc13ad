#include <axonpush/ws/handshake.h>

#include "base/base64.h"
#include "ws/sha1.h"

namespace axonpush::inline v0::ws {

namespace {

constexpr std::size_t kNonceBytes = 16;
// RFC 6455 1.3: appended to the key; no server that does not speak WebSocket would do so.
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyTextBytes = 24;
static_assert(base64_size(kNonceBytes) == kKeyTextBytes && kKeyTextBytes == sizeof(Key));
static_assert(base64_size(kSha1Bytes) == sizeof(Accept));

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool equal_without_case(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t at = 0; at < left.size(); ++at) {
    if (lower(left[at]) != lower(right[at])) return false;
  }
  return true;
}

// RFC 9110 5.6.3: OWS.
std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// RFC 9110 5.6.1: takes the next element off a comma-separated list; false at its end. Empty elements are skipped.
bool next_element(std::string_view& list, std::string_view& element) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    element = trimmed(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (!element.empty()) return true;
  }
  return false;
}

bool lists(std::string_view list, std::string_view wanted) noexcept {
  for (std::string_view element; next_element(list, element);) {
    if (element == wanted) return true;
  }
  return false;
}
bool lists_without_case(std::string_view list, std::string_view wanted) noexcept {
  for (std::string_view element; next_element(list, element);) {
    if (equal_without_case(element, wanted)) return true;
  }
  return false;
}

// The fields of one name: how many lines, and the first one's value.
struct Field {
  std::size_t count = 0;
  std::string_view value;
  [[nodiscard]] bool once() const noexcept { return count == 1; }
};
Field find(std::span<const HeaderView> headers, std::string_view name) noexcept {
  Field field;
  for (const HeaderView& header : headers) {
    if (!equal_without_case(header.name, name)) continue;
    if (field.count++ == 0) field.value = trimmed(header.value);
  }
  return field;
}

bool any_lists_without_case(std::span<const HeaderView> headers, std::string_view name,
                            std::string_view wanted) noexcept {
  for (const HeaderView& header : headers) {
    if (equal_without_case(header.name, name) && lists_without_case(header.value, wanted)) return true;
  }
  return false;
}

// `element` is one token of a list: nothing in it could be taken for a border.
bool single(std::string_view element) noexcept {
  return !element.empty() && element.find_first_of(", \t") == std::string_view::npos;
}

Error refused(const char* what, const char* clause) noexcept { return Error(Errc::ws_handshake, what).by(clause); }

Error refused_request(const char* what, const char* clause, std::uint32_t status) noexcept {
  return Error(Errc::ws_handshake, what).by(clause).with_number(status);
}

Error check_protocol(std::span<const HeaderView> headers, std::string_view offered) noexcept {
  const Field protocol = find(headers, "Sec-WebSocket-Protocol");
  std::string_view list = offered;
  std::string_view first;
  if (!next_element(list, first)) {
    // RFC 6455 4.1: a subprotocol nobody asked for fails the connection.
    if (protocol.count != 0) return refused("the server chose a subprotocol although none was offered", "RFC 6455 4.1");
    return Error();
  }
  // [MQTT-6.0.0-4]: the server answers with the subprotocol it has chosen.
  if (protocol.count == 0) return refused("the server chose no subprotocol", "[MQTT-6.0.0-4]");
  if (!protocol.once()) return refused("Sec-WebSocket-Protocol stands twice", "RFC 6455 11.3.4");
  if (!single(protocol.value) || !lists(offered, protocol.value)) {
    return refused("the server chose a subprotocol that was not offered", "RFC 6455 4.1");
  }
  return Error();
}

}  // namespace

bool make_key(Entropy& entropy, Key& key) noexcept {
  std::uint8_t nonce[kNonceBytes] = {};
  if (!entropy.fill(nonce)) return false;
  base64_encode(nonce, key.text);
  return true;
}

Accept accept_of(std::string_view key) noexcept {
  // Keys have 24 bytes; a longer one can only come from a caller who did not check it, and gets an answer nobody
  // expects.
  std::uint8_t joined[kKeyTextBytes + kGuid.size()];
  const std::size_t key_bytes = key.size() < kKeyTextBytes ? key.size() : kKeyTextBytes;
  if (key_bytes != 0) std::memcpy(joined, key.data(), key_bytes);
  std::memcpy(joined + key_bytes, kGuid.data(), kGuid.size());
  std::uint8_t digest[kSha1Bytes];
  sha1({joined, key_bytes + kGuid.size()}, digest);
  Accept accept;
  base64_encode(digest, accept.text);
  return accept;
}

Error check_response(const ResponseView& response, std::string_view key, std::string_view offered) noexcept {
  if (response.status >= 300 && response.status < 400) {
    // RFC 6455 4.1 step 1: a client may follow a redirect and need not; this one never carries its token elsewhere.
    return Error(Errc::redirect_refused, "the server redirects the WebSocket handshake")
        .by("RFC 6455 4.1")
        .with_number(response.status);
  }
  if (response.status != 101) {
    return Error(Errc::ws_handshake, "the server does not switch to WebSocket")
        .by("RFC 6455 4.1")
        .with_number(response.status);
  }
  // RFC 9110 15.2.2, RFC 6455 4.2.2: HTTP/1.0 has no 101.
  if (response.version_minor < 1) return refused("101 in HTTP/1.0", "RFC 6455 4.1");

  // RFC 6455 4.1 step 2.
  const Field upgrade = find(response.headers, "Upgrade");
  if (!upgrade.once() || !equal_without_case(upgrade.value, "websocket")) {
    return refused("Upgrade is not websocket", "RFC 6455 4.1");
  }
  // RFC 6455 4.1 step 3.
  if (!any_lists_without_case(response.headers, "Connection", "upgrade")) {
    return refused("Connection does not say Upgrade", "RFC 6455 4.1");
  }
  // RFC 6455 4.1 step 4: the answer to this connection's key, not to another's.
  const Field accept = find(response.headers, "Sec-WebSocket-Accept");
  if (!accept.once()) return refused("Sec-WebSocket-Accept does not stand exactly once", "RFC 6455 4.1");
  if (accept.value != accept_of(key).view()) return refused("Sec-WebSocket-Accept is wrong", "RFC 6455 4.1");
  // RFC 6455 4.1 step 5: none was offered. An empty field names none.
  for (const HeaderView& header : response.headers) {
    if (equal_without_case(header.name, "Sec-WebSocket-Extensions") && !trimmed(header.value).empty()) {
      return refused("the server chose an extension although none was offered", "RFC 6455 4.1");
    }
  }
  // RFC 6455 4.1 step 6.
  return check_protocol(response.headers, offered);
}

Error check_request(std::string_view method, std::span<const HeaderView> headers, RequestView& request) noexcept {
  request = {};
  // RFC 6455 4.2.1, item by item.
  if (method != "GET") return refused_request("the method is not GET", "RFC 6455 4.2.1", 405);
  if (!find(headers, "Host").once()) return refused_request("Host does not stand exactly once", "RFC 6455 4.2.1", 400);
  if (!any_lists_without_case(headers, "Upgrade", "websocket")) {
    return refused_request("Upgrade does not say websocket", "RFC 6455 4.2.1", 426);
  }
  if (!any_lists_without_case(headers, "Connection", "upgrade")) {
    return refused_request("Connection does not say Upgrade", "RFC 6455 4.2.1", 400);
  }
  const Field version = find(headers, "Sec-WebSocket-Version");
  if (!version.once() || version.value != "13") {
    // RFC 6455 4.2.2: 426 with the version that is spoken.
    return refused_request("Sec-WebSocket-Version is not 13", "RFC 6455 4.2.2", 426);
  }
  const Field key = find(headers, "Sec-WebSocket-Key");
  std::uint8_t nonce[kNonceBytes];
  std::size_t nonce_bytes = 0;
  if (!key.once() || !base64_decode(key.value, nonce, nonce_bytes) || nonce_bytes != kNonceBytes) {
    return refused_request("Sec-WebSocket-Key is not base64 of 16 bytes", "RFC 6455 4.2.1", 400);
  }
  request.key = key.value;
  // RFC 6455 11.3.4: the list may stand on several lines; the first is looked at, which is what clients write.
  request.protocols = find(headers, "Sec-WebSocket-Protocol").value;
  return Error();
}

}  // namespace axonpush::inline v0::ws
