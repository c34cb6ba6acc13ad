#include <axonpush/credentials.h>
#include <axonpush/http/http1.h>
#include <axonpush/http/url.h>
#include <axonpush/json/reader.h>

#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0 {

namespace {

enum Known : std::uint8_t {
  kEndpoint,
  kUrl,
  kExpiresAt,
  kTopicPrefix,
  kEnvSlug,
  kTopicTemplate,
  kClientId,
  kRegion,
  kAuthorizerName,
  kAuthToken,
  kKnownCount,
};

struct Row {
  std::string_view name;
  const char* twice;
  const char* no_string;
  const char* with_nul;
};
// clang-format off
constexpr Row kRows[kKnownCount] = {
    {"endpoint", "endpoint stands twice", "endpoint is not a string", "endpoint has a NUL"},
    {"presignedWssUrl", "presignedWssUrl stands twice", "presignedWssUrl is not a string", "presignedWssUrl has a NUL"},
    {"expiresAt", "expiresAt stands twice", "expiresAt is not a string", "expiresAt has a NUL"},
    {"topicPrefix", "topicPrefix stands twice", "topicPrefix is not a string", "topicPrefix has a NUL"},
    {"envSlug", "envSlug stands twice", "envSlug is not a string", "envSlug has a NUL"},
    {"topicTemplate", "topicTemplate stands twice", "topicTemplate is not a string", "topicTemplate has a NUL"},
    {"clientId", "clientId stands twice", "clientId is not a string", "clientId has a NUL"},
    {"region", "region stands twice", "region is not a string", "region has a NUL"},
    {"authorizerName", "authorizerName stands twice", "authorizerName is not a string", "authorizerName has a NUL"},
    {"authToken", "authToken stands twice", "authToken is not a string", "authToken has a NUL"},
};
// clang-format on

Error refused(const char* what) noexcept { return Error(Errc::credentials_invalid, what); }

bool is_space(std::uint8_t byte) noexcept { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

// A login page or a proxy's error in place of the answer: told apart from broken JSON, because another thing is to do.
bool looks_like_html(Bytes body) noexcept {
  for (const std::uint8_t byte : body) {
    if (!is_space(byte)) return byte == '<';
  }
  return false;
}

// Where strings with escapes are undone. Wiped, because the token and the URL's query pass through.
class Scratch {
 public:
  Scratch() noexcept = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (data_ == nullptr) return;
    wipe({data_, size_});
    deallocate(data_, size_);
  }
  // `size` bounds all strings together; one block serves for them all.
  [[nodiscard]] bool reserve(std::size_t size) noexcept {
    if (data_ != nullptr) return true;
    data_ = static_cast<std::uint8_t*>(allocate(size));
    size_ = data_ == nullptr ? 0 : size;
    return data_ != nullptr;
  }
  [[nodiscard]] MutableBytes room() const noexcept { return MutableBytes(data_, size_).subspan(used_); }
  void use(std::size_t size) noexcept { used_ += size; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

// The texts of the known members, escapes undone; empty where absent.
class Texts {
 public:
  [[nodiscard]] Error read(Bytes body) noexcept {
    const json::Limits limits{.bytes = limits::kCredentialsBytes, .nodes = limits::kCredentialsNodes};
    json::Value root;
    if (Error error = json::validate(body, limits, root)) {
      // H-35, R-08: a captive portal's page, named as what it is.
      if (looks_like_html(body)) return Error(Errc::json_invalid, "the answer is a page of HTML, not credentials");
      return error;
    }
    if (root.kind != json::Kind::object) return Error(Errc::json_invalid, "the credentials are not a JSON object");
    bool seen[kKnownCount] = {};
    json::Cursor cursor(root);
    json::Member member;
    while (cursor.next(member)) {
      const std::size_t known = find(member);
      if (known == kKnownCount) continue;
      // Of two answers to "until when" or "to whom" neither can be trusted, even where they agree.
      if (seen[known]) return refused(kRows[known].twice);
      seen[known] = true;
      if (Error error = take(known, member.value, body.size())) return error;
    }
    return {};
  }
  [[nodiscard]] std::string_view operator[](Known known) const noexcept { return texts_[known]; }

 private:
  static std::size_t find(const json::Member& member) noexcept {
    for (std::size_t at = 0; at < kKnownCount; ++at) {
      if (member.key_escaped ? json::key_equals(member, kRows[at].name) : member.key == kRows[at].name) return at;
    }
    return kKnownCount;
  }
  Error take(std::size_t known, const json::Value& value, std::size_t body_size) noexcept {
    if (value.kind == json::Kind::null) return {};
    if (value.kind != json::Kind::string) return refused(kRows[known].no_string);
    std::string_view& text = texts_[known];
    if (!value.plain_text(text)) {
      if (!scratch_.reserve(body_size)) return Error(Errc::no_memory, "no memory to read the credentials");
      if (!value.text(scratch_.room(), text))
        return Error(Errc::internal, "a string grew when its escapes were undone");
      scratch_.use(text.size());
    }
    // J-08: a NUL ends a string for whoever reads it in C; nothing here may have two lengths.
    if (text.find('\0') != std::string_view::npos) return refused(kRows[known].with_nul);
    return {};
  }

  std::string_view texts_[kKnownCount];
  Scratch scratch_;
};

Error take_url(std::string_view text, Credentials& into) noexcept {
  if (text.empty()) return refused("presignedWssUrl is missing");
  const Result<http::Url> url = http::parse_url(text);
  if (!url.ok()) return url.error();
  if (url->scheme != http::Scheme::wss && url->scheme != http::Scheme::ws) {
    return Error(Errc::url_invalid, "presignedWssUrl is not a WebSocket URL");
  }
  if (!into.url.assign(text)) return Error(Errc::no_memory, "no memory for the credentials");
  return {};
}

Error take_token(std::string_view text, Credentials& into) noexcept {
  // MQTT 5 1.5.4: it becomes the User Name, whose length has two bytes.
  if (text.size() > limits::kAuthTokenBytes) return refused("authToken is longer than 65,535 bytes");
  if (!into.auth_token.assign(text)) return Error(Errc::no_memory, "no memory for the credentials");
  return {};
}

Error take_identity(const Texts& texts, Credentials& into) noexcept {
  const std::string_view client_id = texts[kClientId];
  if (!into.client_id.assign(client_id)) return refused("clientId is longer than 128 bytes, AWS IoT Core's limit");
  if (client_id.starts_with('$')) return refused("clientId begins with $, which AWS IoT Core refuses");
  const std::string_view prefix = texts[kTopicPrefix];
  if (!prefix.empty()) {
    if (const Status status = check_topic_prefix(prefix); !status.ok()) {
      return Error(Errc::credentials_invalid, status.error().what().data()).at(status.error().offset());
    }
    static_cast<void>(into.topic_prefix.assign(prefix));
  }
  if (!into.env_slug.assign(texts[kEnvSlug])) return refused("envSlug is longer than a topic may be");
  return {};
}

}  // namespace

Result<Credentials> parse_credentials(Bytes body) noexcept {
  Texts texts;
  if (Error error = texts.read(body)) return error;
  Credentials credentials;
  if (Error error = take_url(texts[kUrl], credentials)) return error;
  if (texts[kExpiresAt].empty()) return refused("expiresAt is missing");
  if (!http::parse_rfc3339(texts[kExpiresAt], credentials.expires_at))
    return refused("expiresAt is not a time of RFC 3339");
  if (Error error = take_token(texts[kAuthToken], credentials)) return error;
  if (Error error = take_identity(texts, credentials)) return error;
  static_cast<void>(credentials.endpoint.assign(texts[kEndpoint]));
  static_cast<void>(credentials.region.assign(texts[kRegion]));
  static_cast<void>(credentials.authorizer_name.assign(texts[kAuthorizerName]));
  static_cast<void>(credentials.topic_template.assign(texts[kTopicTemplate]));
  return Result<Credentials>(std::move(credentials));
}

Result<Duration> life_left(WallTime expires_at, std::string_view date, std::size_t date_count, WallTime wall_now,
                           bool& skewed) noexcept {
  constexpr Duration kSkewTold = hours(24);
  skewed = false;
  WallTime reference = wall_now;
  WallTime served;
  if (date_count == 1 && http::parse_http_date(date, served)) {
    reference = served;
    const Duration difference = served > wall_now ? served - wall_now : wall_now - served;
    skewed = difference > kSkewTold;
  }
  if (expires_at <= reference) return Error(Errc::credentials_expired, "the credentials have expired already");
  const Duration left = expires_at - reference;
  return left < limits::kConnectionLifetimeMax ? left : limits::kConnectionLifetimeMax;
}

}  // namespace axonpush::inline v0
