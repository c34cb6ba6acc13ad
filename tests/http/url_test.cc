// BAD_INPUTS 9, the U rows.
#include <axonpush/http/url.h>
#include <axonpush/limits.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace axonpush::http {
namespace {

struct Row {
  const char* id;
  std::string text;
  std::string parts;  // "scheme host port path ?query", or empty: url_invalid
};

std::string parts_of(const Url& url) {
  const char* schemes[] = {"https", "wss", "http", "ws"};
  const char* kinds[] = {"name", "ipv4", "ipv6"};
  return std::string(schemes[static_cast<int>(url.scheme)]) + " " + kinds[static_cast<int>(url.host_kind)] + " " +
         std::string(url.host) + " " + std::to_string(url.port) + " " + std::string(url.path) + " ?" +
         std::string(url.query);
}

void check(std::span<const Row> rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.id) + " " + row.text.substr(0, 200));
    const auto exact = std::make_unique<char[]>(row.text.size());
    if (!row.text.empty()) std::memcpy(exact.get(), row.text.data(), row.text.size());
    const auto url = parse_url({exact.get(), row.text.size()});
    EXPECT_EQ(url.ok() ? parts_of(*url) : "", row.parts);
    if (!url.ok()) {
      EXPECT_EQ(url.error().code(), Errc::url_invalid);
      EXPECT_LE(url.error().offset(), row.text.size());
    }
  }
}

TEST(Url, Schemes) {
  const Row rows[] = {
      // U-01: cleartext parses; whether it is acceptable is the client's decision
      {"U-01", "ws://host/p", "ws name host 80 /p ?"},
      {"U-01", "http://127.0.0.1:8080/", "http ipv4 127.0.0.1 8080 / ?"},
      // U-02
      {"U-02", "https://host/p", "https name host 443 /p ?"},
      {"U-02", "WSS://host", "wss name host 443 / ?"},
      {"U-02", "hTTpS://Host.Example/", "https name Host.Example 443 / ?"},
      {"U-02", " wss://host/", ""},
      {"U-02", "wss:host", ""},
      {"U-02", "wss:/host", ""},
      {"U-02", "wss:///p", ""},
      {"U-02", "//host", ""},
      {"U-02", "host", ""},
      {"U-02", "ftp://host/", ""},
      {"U-02", "wsss://host/", ""},
      {"U-02", "://host/", ""},
      {"U-02", "", ""},
      {"U-02", "wss://", ""},
  };
  check(rows);
}

TEST(Url, Authority) {
  const std::string label(63, 'a');
  const std::string name253 = label + "." + label + "." + label + "." + std::string(61, 'b');
  const Row rows[] = {
      // U-03, RFC 3986 3.2.1
      {"U-03", "wss://a:b@host/", ""},
      {"U-03", "wss://a@host/", ""},
      {"U-03", "wss://@host/", ""},
      {"U-03", "wss://good.example@evil.example/", ""},
      // U-04, RFC 1035 2.3.4, RFC 3986 3.2.2
      {"U-04", "wss:///", ""},
      {"U-04", "wss://:443/", ""},
      {"U-04", "wss://-a.com/", ""},
      {"U-04", "wss://a-.com/", ""},
      {"U-04", "wss://a..b/", ""},
      {"U-04", "wss://.a/", ""},
      {"U-04", "wss://./", ""},
      {"U-04", "wss://a../", ""},
      {"U-04", "wss://" + name253 + "/", "wss name " + name253 + " 443 / ?"},
      {"U-04", "wss://" + name253 + "./", "wss name " + name253 + ". 443 / ?"},
      {"U-04", "wss://" + name253 + "b/", ""},
      {"U-04", "wss://" + label + "a.com/", ""},
      {"U-04", "wss://host.example./", "wss name host.example. 443 / ?"},
      {"U-04", "wss://%31.example/", ""},
      {"U-04", "wss://\xc3\xa4.example/", ""},
      {"U-04", "wss://xn--4ca.example/", "wss name xn--4ca.example 443 / ?"},
      {"U-04", "wss://xn--/", ""},
      {"U-04", "wss://a_b.example/", ""},
      {"U-04", "wss://a b/", ""},
      {"U-04", "wss://a\\b/", ""},
      {"U-04", "wss://[::1]/", "wss ipv6 ::1 443 / ?"},
      {"U-04", "wss://[2001:DB8::1]:8443/p", "wss ipv6 2001:DB8::1 8443 /p ?"},
      {"U-04", "wss://[::ffff:1.2.3.4]/", "wss ipv6 ::ffff:1.2.3.4 443 / ?"},
      {"U-04", "wss://[1:2:3:4:5:6:7:8]/", "wss ipv6 1:2:3:4:5:6:7:8 443 / ?"},
      {"U-04", "wss://[1:2:3:4:5:6:7::]/", "wss ipv6 1:2:3:4:5:6:7:: 443 / ?"},
      {"U-04", "wss://[::]/", "wss ipv6 :: 443 / ?"},
      {"U-04", "wss://[::1%eth0]/", ""},
      {"U-04", "wss://[::1%25eth0]/", ""},
      {"U-04", "wss://[1:2:3:4:5:6:7:8:9]/", ""},
      {"U-04", "wss://[1:2:3:4:5:6:7:8::]/", ""},
      {"U-04", "wss://[1:2:3:4:5:6:7]/", ""},
      {"U-04", "wss://[1::2::3]/", ""},
      {"U-04", "wss://[:::]/", ""},
      {"U-04", "wss://[1:]/", ""},
      {"U-04", "wss://[:1]/", ""},
      {"U-04", "wss://[12345::]/", ""},
      {"U-04", "wss://[::1.2.3]/", ""},
      {"U-04", "wss://[::1.2.3.4:5]/", ""},
      {"U-04", "wss://[1:2:3:4:5:6:7:1.2.3.4]/", ""},
      {"U-04", "wss://[v1.a]/", ""},
      {"U-04", "wss://[1.2.3.4]/", ""},
      {"U-04", "wss://[]/", ""},
      {"U-04", "wss://[::1/", ""},
      {"U-04", "wss://[::1]x/", ""},
      {"U-04", "wss://::1/", ""},
      {"U-04", "wss://1.2.3.4/", "wss ipv4 1.2.3.4 443 / ?"},
      {"U-04", "wss://1.2.3./", ""},
      {"U-04", "wss://1..2.3/", ""},
      {"U-04", "wss://[::1.2.3.]/", ""},
      {"U-04", "wss://[::1..2.3]/", ""},
      {"U-04", "wss://Zz.aA/", "wss name Zz.aA 443 / ?"},
      {"U-04", "wss://127.1/", ""},
      {"U-04", "wss://0x7f.1/", ""},
      {"U-04", "wss://a.0x7f/", ""},
      {"U-04", "wss://0x/", ""},
      {"U-04", "wss://0a/", "wss name 0a 443 / ?"},
      {"U-04", "wss://0xyz/", "wss name 0xyz 443 / ?"},
      {"U-04", "wss://2130706433/", ""},
      {"U-04", "wss://1.2.3.256/", ""},
      {"U-04", "wss://01.2.3.4/", ""},
      {"U-04", "wss://1.2.3.4.5/", ""},
      {"U-04", "wss://1.2.3.4./", ""},
      {"U-04", "wss://a.1/", ""},
      {"U-04", "wss://1.a/", "wss name 1.a 443 / ?"},
      // U-05, RFC 3986 3.2.3
      {"U-05", "wss://h:0/", ""},
      {"U-05", "wss://h:1/", "wss name h 1 / ?"},
      {"U-05", "wss://h:65535/", "wss name h 65535 / ?"},
      {"U-05", "wss://h:65536/", ""},
      {"U-05", "wss://h:99999999999/", ""},
      {"U-05", "wss://h:18446744073709551617/", ""},
      {"U-05", "wss://h:/", "wss name h 443 / ?"},
      {"U-05", "ws://h:/", "ws name h 80 / ?"},
      {"U-05", "wss://h:+443/", ""},
      {"U-05", "wss://h:443a/", ""},
      {"U-05", "wss://h: 443/", ""},
      {"U-05", "wss://h:4:4/", ""},
  };
  check(rows);
}

TEST(Url, PathAndQuery) {
  const Row rows[] = {
      // U-06, RFC 6455 3
      {"U-06", "wss://h/#x", ""},
      {"U-06", "wss://h#x", ""},
      {"U-06", "wss://h/p?q#", ""},
      // U-07, RFC 3986 2
      {"U-07", "wss://h/a\rb", ""},
      {"U-07", "wss://h/a\nb", ""},
      {"U-07", "wss://h/a b", ""},
      {"U-07", "wss://h/?a\tb", ""},
      {"U-07", std::string("wss://h/a\0b", 11), ""},
      {"U-07", "wss://h/a\\b", ""},
      {"U-07", "wss://h/\xc3\xa4", ""},
      {"U-07", "wss://h/\x7f", ""},
      {"U-07", "wss://h/<a>", ""},
      {"U-07", "wss://h/?a={b}", ""},
      {"U-07", "wss://h/%0d%0a?%0D%0A", "wss name h 443 /%0d%0a ?%0D%0A"},
      {"U-07", "wss://h/%G1", ""},
      {"U-07", "wss://h/%1", ""},
      {"U-07", "wss://h/%", ""},
      {"U-07", "wss://h/?%1%20", ""},
      {"U-07", "wss://h/a-._~!$&'()*+,;=:@/b?/?x", "wss name h 443 /a-._~!$&'()*+,;=:@/b ?/?x"},
      {"U-07", "wss://h/mqtt?x-amz-customauthorizer-name=N", "wss name h 443 /mqtt ?x-amz-customauthorizer-name=N"},
      {"U-07", "wss://h/?", "wss name h 443 / ?"},
      {"U-07", "wss://h?a=b", ""},
      // U-08
      {"U-08", "wss://h/" + std::string(8'192 - 8, 'x'), "wss name h 443 /" + std::string(8'192 - 8, 'x') + " ?"},
      {"U-08", "wss://h/" + std::string(8'193 - 8, 'x'), ""},
      // U-11: what a base URL may look like beyond this is the configuration's to judge
      {"U-11", "https://api/v1/", "https name api 443 /v1/ ?"},
      {"U-11", "https://api//", "https name api 443 // ?"},
      {"U-11", "api.example", ""},
      {"U-11", "https://api/?q", "https name api 443 / ?q"},
  };
  check(rows);
}

TEST(Url, PathQueryIsByteForByte) {  // U-07, W-H17
  const std::string_view text = "wss://h:1/a/../b/%7e?x=%2F?&y";
  const auto url = parse_url(text);
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->path_query, "/a/../b/%7e?x=%2F?&y");
  EXPECT_EQ(url->path_query.data(), text.data() + 9);
  EXPECT_FALSE(url->default_port());
  EXPECT_TRUE(url->secure());
  EXPECT_EQ(parse_url("ws://h")->path_query, "/");
}

TEST(Url, NothingBehindTheTextCounts) {  // U-07
  const std::string_view text = "wss://h/%12";
  EXPECT_TRUE(parse_url(text).ok());
  EXPECT_FALSE(parse_url(text.substr(0, 10)).ok());
  EXPECT_FALSE(parse_url(text.substr(0, 9)).ok());
}

TEST(Url, ErrorsSayWhere) {  // U-07
  EXPECT_EQ(parse_url("wss://h/ab c").error().offset(), 10U);
  EXPECT_EQ(parse_url("wss://h/%41 b").error().offset(), 11U);
  EXPECT_EQ(parse_url("wss://h/p#f").error().clause(), "RFC 6455 3");
  // Nothing of the URL is in the sentence: it may carry a signature.
  char text[256];
  const std::size_t size = parse_url("wss://h/p?secret=\r").error().format(text);
  EXPECT_EQ(std::string_view(text, size).find("secret"), std::string_view::npos);
}

TEST(Url, LoopbackLiterals) {  // U-09
  for (const std::string_view yes :
       {"127.0.0.1", "127.255.255.255", "127.0.0.0", "::1", "0:0:0:0:0:0:0:1", "0000::0001"}) {
    EXPECT_TRUE(loopback_literal(yes)) << yes;
  }
  for (const std::string_view no :
       {"localhost", "127.1", "128.0.0.1", "126.255.255.255", "::", "::2", "::ffff:127.0.0.1", "::127.0.0.1", "1::1",
        "[::1]", "", "127.0.0.1.", "169.254.169.254", "::1%lo"}) {
    EXPECT_FALSE(loopback_literal(no)) << no;
  }
}

TEST(Url, RedactedShowsNoQuery) {  // U-10
  const auto shown = [](std::string_view text) {
    char into[128];
    return std::string(into, redact_url(*parse_url(text), into));
  };
  EXPECT_EQ(shown("wss://host.example/mqtt?X-Amz-Signature=abc"), "wss://host.example/mqtt?...(19 bytes)");
  EXPECT_EQ(shown("wss://host.example:8443/mqtt"), "wss://host.example:8443/mqtt");
  EXPECT_EQ(shown("ws://[::1]:80/p?"), "ws://[::1]/p?...(0 bytes)");
  EXPECT_EQ(shown("https://1.2.3.4"), "https://1.2.3.4/");
  const auto url = parse_url("wss://host.example/mqtt?secret=abc");
  for (std::size_t size = 0; size < 64; ++size) {
    const auto into = std::make_unique<char[]>(size);
    const std::size_t written = redact_url(*url, {into.get(), size});
    ASSERT_LE(written, size);
    EXPECT_EQ(std::string_view(into.get(), written).find("secret"), std::string_view::npos);
  }
}

}  // namespace
}  // namespace axonpush::http
