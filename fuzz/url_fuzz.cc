// Input: a URL. Same verdict and parts as the reference; the parts are views into the text; nothing of the query is
// shown.
#include <axonpush/http/url.h>

#include <memory>

#include "support/http_reference.h"

namespace {

void require(bool property) {
  if (!property) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace axonpush;
  using namespace axonpush::http;
  const std::string_view text = text_of({data, size});
  const Result<Url> url = parse_url(text);
  reference::UrlParts parts;
  require(url.ok() == reference::url(text, parts));
  static_cast<void>(loopback_literal(text));
  if (!url.ok()) {
    require(url.error().code() == Errc::url_invalid && url.error().offset() <= size);
    return 0;
  }
  const char* schemes[] = {"https", "wss", "http", "ws"};
  require(parts.scheme == schemes[static_cast<int>(url->scheme)]);
  require(parts.host == url->host && parts.port == url->port);
  require((parts.family == AF_INET) == (url->host_kind == HostKind::ipv4));
  require((parts.family == AF_INET6) == (url->host_kind == HostKind::ipv6));
  require(parts.path == url->path && parts.query == url->query);
  require(text.ends_with(url->path_query) || url->path_query == "/");
  unsigned char address[16];
  const std::string host(url->host);
  if (parts.family == AF_INET) {
    require(inet_pton(AF_INET, host.c_str(), address) == 1);
    require(loopback_literal(host) == (address[0] == 127));
  } else if (parts.family == AF_INET6) {
    require(inet_pton(AF_INET6, host.c_str(), address) == 1);
    const unsigned char loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    require(loopback_literal(host) == (std::memcmp(address, loopback, 16) == 0));
  } else {
    require(!loopback_literal(host));
  }
  // What is shown does not change with what the query says, only with its length.
  const auto shown = std::make_unique<char[]>(size + 64);
  const std::size_t shown_size = redact_url(*url, {shown.get(), size + 64});
  require(shown_size < size + 64);
  const std::string_view words(shown.get(), shown_size);
  require(words.find('?') == std::string_view::npos || words.substr(words.find('?')).starts_with("?...("));
  return 0;
}
