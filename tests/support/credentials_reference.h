// The credentials' body judged once more, slowly: a tree instead of a cursor, one check after the other. Shared by
// tests and the fuzzer.
#pragma once

#include <axonpush/credentials.h>
#include <axonpush/limits.h>

#include <map>
#include <string>
#include <vector>

#include "support/http_reference.h"
#include "support/json_reference.h"
#include "support/topic_reference.h"

namespace axonpush::test {

class CredentialsReference {
 public:
  explicit CredentialsReference(std::string_view body) { code_ = judge(body); }
  // Errc::none, json_invalid, json_too_deep, json_too_large, url_invalid or credentials_invalid.
  [[nodiscard]] Errc code() const { return code_; }

  // Where `credentials`, read from the same body, differ; "" nowhere.
  [[nodiscard]] std::string difference(const Credentials& credentials) const {
    if (credentials.url.reveal() != text("presignedWssUrl")) return "url";
    if (credentials.auth_token.reveal() != text("authToken")) return "auth_token";
    if (credentials.client_id.view() != text("clientId")) return "client_id";
    if (credentials.topic_prefix.view() != text("topicPrefix")) return "topic_prefix";
    if (credentials.env_slug.view() != text("envSlug")) return "env_slug";
    if (credentials.expires_at.nanoseconds() != expires_at_) return "expires_at";
    if (credentials.endpoint.view() != fitting("endpoint", limits::kHostBytes)) return "endpoint";
    if (credentials.region.view() != fitting("region", 64)) return "region";
    if (credentials.authorizer_name.view() != fitting("authorizerName", 128)) return "authorizer_name";
    if (credentials.topic_template.view() != fitting("topicTemplate", 256)) return "topic_template";
    return "";
  }

  // The prefix of a topic, by its levels: one to three, none empty, no wildcard, no NUL, no $, room for five segments.
  static bool prefix_fits(std::string_view prefix) {
    const std::vector<std::string> levels = reference::levels(prefix);
    if (levels.size() > 3 || prefix.size() + 10 > 256 || !reference::utf16(prefix)) return false;
    for (const std::string& level : levels) {
      if (level.empty() || level.find_first_of(std::string("+#\0", 3)) != std::string::npos) return false;
    }
    return prefix[0] != '$';
  }

 private:
  Errc judge(std::string_view body) {
    JsonTree tree;
    switch (JsonReference::parse(body, tree, {64 * 1024, 64, 10'000})) {
      case JsonReference::Verdict::valid:
        break;
      case JsonReference::Verdict::invalid:
        return Errc::json_invalid;
      case JsonReference::Verdict::too_deep:
        return Errc::json_too_deep;
      case JsonReference::Verdict::too_large:
        return Errc::json_too_large;
    }
    if (tree.kind != JsonTree::Kind::object) return Errc::json_invalid;
    for (const char* name : {"endpoint", "presignedWssUrl", "expiresAt", "topicPrefix", "envSlug", "topicTemplate",
                             "clientId", "region", "authorizerName", "authToken"}) {
      texts_[name] = "";
      std::size_t times = 0;
      for (std::size_t at = 0; at < tree.keys.size(); ++at) {
        if (tree.keys[at] != name) continue;
        ++times;
        const JsonTree& item = tree.items[at];
        if (item.kind == JsonTree::Kind::null) continue;
        if (item.kind != JsonTree::Kind::string) return Errc::credentials_invalid;
        if (item.text.find('\0') != std::string::npos) return Errc::credentials_invalid;
        texts_[name] = item.text;
      }
      if (times > 1) return Errc::credentials_invalid;
    }
    return judge_members();
  }

  Errc judge_members() {
    if (text("presignedWssUrl").empty()) return Errc::credentials_invalid;
    reference::UrlParts parts;
    if (!reference::url(text("presignedWssUrl"), parts)) return Errc::url_invalid;
    if (parts.scheme != "wss" && parts.scheme != "ws") return Errc::url_invalid;
    if (!reference::rfc3339(text("expiresAt"), expires_at_)) return Errc::credentials_invalid;
    if (text("authToken").size() > 65'535 || text("clientId").size() > 128) return Errc::credentials_invalid;
    if (text("clientId").starts_with('$') || text("envSlug").size() > 256) return Errc::credentials_invalid;
    const std::string prefix = text("topicPrefix");
    return prefix.empty() || prefix_fits(prefix) ? Errc::none : Errc::credentials_invalid;
  }

  [[nodiscard]] std::string text(const char* name) const { return texts_.at(name); }
  [[nodiscard]] std::string fitting(const char* name, std::size_t most) const {
    return text(name).size() > most ? std::string() : text(name);
  }

  std::map<std::string, std::string> texts_;
  std::int64_t expires_at_ = 0;
  Errc code_ = Errc::none;
};

}  // namespace axonpush::test
