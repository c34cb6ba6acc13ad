// Slow, obvious judgement of an opening handshake: lists are taken apart into strings, and the specification is read
// from top to bottom. It answers only whether the handshake passes, and for a response what class of error it is.
#pragma once

#include <axonpush/ws/handshake.h>

#include <string>
#include <string_view>
#include <vector>

namespace axonpush::ws::test {

class HandshakeReference {
 public:
  // RFC 6455 4.1. `accept` is the right answer to the key.
  static Errc response(const ResponseView& response, std::string_view accept, std::string_view offered) {
    if (response.status / 100 == 3) return Errc::redirect_refused;
    if (response.status != 101 || response.version_minor == 0) return Errc::ws_handshake;
    const std::vector<std::string> upgrade = values(response.headers, "upgrade");
    if (upgrade.size() != 1 || lower(upgrade[0]) != "websocket") return Errc::ws_handshake;
    if (!listed(elements(response.headers, "connection", true), "upgrade")) return Errc::ws_handshake;
    const std::vector<std::string> accepts = values(response.headers, "sec-websocket-accept");
    if (accepts.size() != 1 || accepts[0] != accept) return Errc::ws_handshake;
    for (const std::string& value : values(response.headers, "sec-websocket-extensions")) {
      if (!value.empty()) return Errc::ws_handshake;
    }
    const std::vector<std::string> chosen = values(response.headers, "sec-websocket-protocol");
    const std::vector<std::string> asked = split(offered);
    if (asked.empty()) return chosen.empty() ? Errc::none : Errc::ws_handshake;
    return chosen.size() == 1 && listed(asked, chosen[0]) ? Errc::none : Errc::ws_handshake;
  }

  // RFC 6455 4.2.1. The status to answer with, or 101.
  static unsigned request(std::string_view method, std::span<const HeaderView> headers) {
    if (method != "GET") return 405;
    if (values(headers, "host").size() != 1) return 400;
    if (!listed(elements(headers, "upgrade", true), "websocket")) return 426;
    if (!listed(elements(headers, "connection", true), "upgrade")) return 400;
    const std::vector<std::string> version = values(headers, "sec-websocket-version");
    if (version.size() != 1 || version[0] != "13") return 426;
    const std::vector<std::string> key = values(headers, "sec-websocket-key");
    return key.size() == 1 && sixteen_bytes(key[0]) ? 101 : 400;
  }

 private:
  static std::string lower(std::string text) {
    for (char& c : text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
  }
  static std::string trimmed(std::string text) {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.erase(0, 1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
    return text;
  }
  // RFC 9110 5.6.1: without the empty elements.
  static std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts(1);
    for (const char c : list) {
      if (c == ',') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    std::vector<std::string> some;
    for (const std::string& part : parts) {
      if (!trimmed(part).empty()) some.push_back(trimmed(part));
    }
    return some;
  }
  static std::vector<std::string> values(std::span<const HeaderView> headers, const std::string& name) {
    std::vector<std::string> found;
    for (const HeaderView& header : headers) {
      if (lower(std::string(header.name)) == name) found.push_back(trimmed(std::string(header.value)));
    }
    return found;
  }
  static std::vector<std::string> elements(std::span<const HeaderView> headers, const std::string& name,
                                           bool without_case) {
    std::vector<std::string> all;
    for (const std::string& value : values(headers, name)) {
      for (const std::string& element : split(value)) all.push_back(without_case ? lower(element) : element);
    }
    return all;
  }
  static bool listed(const std::vector<std::string>& list, const std::string& wanted) {
    for (const std::string& element : list) {
      if (element == wanted) return true;
    }
    return false;
  }
  // RFC 4648 4: 16 bytes are 22 characters, of which the last has four bits that are 0, and two of padding.
  static bool sixteen_bytes(const std::string& key) {
    const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.size() != 24 || key.substr(22) != "==") return false;
    for (std::size_t at = 0; at < 22; ++at) {
      if (alphabet.find(key[at]) == std::string_view::npos) return false;
    }
    return alphabet.find(key[21]) % 16 == 0;
  }
};

}  // namespace axonpush::ws::test
