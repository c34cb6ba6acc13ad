// BAD_INPUTS 1, row by row, in every cut.
#include <sys/mman.h>
#include <unistd.h>

#include "http_harness.h"

namespace axonpush::http::test {
namespace {

struct Row {
  const char* id;
  std::string input;
  // "STATUS body=BODY rest=BYTES", or the name of the error.
  std::string outcome;
  ResponseContext context = {};
};

std::string repeat(std::string_view text, std::size_t count) {
  std::string into;
  for (std::size_t at = 0; at < count; ++at) into += text;
  return into;
}

std::string outcome_of(const EventLog& log, std::size_t input_size) {
  if (log.error != Errc::none) return std::string(name_of(log.error));
  return log.head.substr(5, 3) + " body=" + (log.body.size() > 64 ? std::to_string(log.body.size()) : log.body) +
         " rest=" + std::to_string(input_size - log.size);
}

void check(std::span<const Row> rows, StreamEnd end = StreamEnd::orderly) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.id) + " " + row.input.substr(0, 200));
    const EventLog log = check_everywhere<ResponseDecoder>(row.input, row.context, end);
    EXPECT_EQ(outcome_of(log, row.input.size()), row.outcome) << log.text();
  }
}

constexpr ResponseContext kHead = {.head_request = true, .upgrade_requested = false, .limits = {}};
constexpr ResponseContext kSmall = {
    .head_request = false, .upgrade_requested = false, .limits = {.head_bytes = 1024, .body_bytes = 64}};
constexpr ResponseContext kUpgrade = {.head_request = false, .upgrade_requested = true, .limits = {}};
constexpr ResponseContext kConnect = {
    .head_request = false, .upgrade_requested = false, .limits = {}, .connect_request = true};

TEST(HttpResponse, StatusLine) {
  const Row rows[] = {
      // H-01, RFC 9112 4
      {"H-01", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      {"H-01", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      {"H-01", "HTTP/1.1 200  two spaces \r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      // H-02, RFC 9112 2.3
      {"H-02", "HTTP/2.0 200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "HTTP/0.9 200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "http/1.1 200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "HTTP/1.10 200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "HTTP/1. 200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "HTTP/11.1 200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "HTTP/1.1\t200 OK\r\n\r\n", "http_malformed"},
      {"H-02", "HTTP/1.2 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 body= rest=0"},
      {"H-02", "HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      // H-03, RFC 9110 15
      {"H-03", "HTTP/1.1 20 OK\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1 20\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1 2000 OK\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1 2 0 OK\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1 +200 OK\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1 099 OK\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1  200 OK\r\n\r\n", "http_malformed"},
      {"H-03", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", "600 body= rest=0"},
      {"H-03", "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n", "999 body= rest=0"},
      // H-05, RFC 9112 4
      {"H-05", std::string("HTTP/1.1 200 O\0K\r\n\r\n", 20), "http_malformed"},
      {"H-05", "HTTP/1.1 200 O\x1bK\r\n\r\n", "http_malformed"},
      {"H-05", "HTTP/1.1 200 O\x7fK\r\n\r\n", "http_malformed"},
      {"H-05", "HTTP/1.1 200 O\x80\xff\tK\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      // RFC 9112 2.2: an empty line in front is skipped
      {"empty line", "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      {"empty line", "\rHTTP/1.1 200 OK\r\n\r\n", "http_malformed"},
      {"empty line", "\nHTTP/1.1 200 OK\r\n\r\n", "http_malformed"},
      {"empty line", " \r\nHTTP/1.1 200 OK\r\n\r\n", "http_malformed"},
  };
  check(rows);
}

TEST(HttpResponse, LinesAndFields) {
  const Row rows[] = {
      // H-06, RFC 9112 2.2, CVE-2022-32214
      {"H-06", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "http_malformed"},
      {"H-06", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", "http_malformed"},
      {"H-06", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", "http_malformed"},
      {"H-06", "HTTP/1.1 200\nA: b\r\n\r\n", "http_malformed"},
      // H-07, RFC 9112 2.2
      {"H-07", "HTTP/1.1 200 OK\r\nFoo: 1\rBar: 2\r\n\r\n", "http_malformed"},
      {"H-07", "HTTP/1.1 200 OK\r\nFoo: 1\r\rBar: 2\r\n\r\n", "http_malformed"},
      {"H-07", "HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n", "http_malformed"},
      // H-08, RFC 9112 2.2
      {"H-08", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rX\n", "http_malformed"},
      {"H-08", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\rabc", "http_malformed"},
      // H-09, RFC 9112 2.2
      {"H-09", "HTTP/1.1 200 OK\r\n \r\nA: b\r\n\r\n", "http_malformed"},
      {"H-09", "HTTP/1.1 200 OK\r\n\tA: b\r\n\r\n", "http_malformed"},
      // H-10, RFC 9112 5.1, CVE-2021-22959
      {"H-10", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", "http_malformed"},
      {"H-10", "HTTP/1.1 200 OK\r\nContent-Length\t: 5\r\n\r\nhello", "http_malformed"},
      // H-11, RFC 9110 5.1, 5.6.2
      {"H-11", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "http_malformed"},
      {"H-11", "HTTP/1.1 200 OK\r\na(b: x\r\n\r\n", "http_malformed"},
      {"H-11", "HTTP/1.1 200 OK\r\na\x7f: x\r\n\r\n", "http_malformed"},
      {"H-11", "HTTP/1.1 200 OK\r\n\xc3\xa4: x\r\n\r\n", "http_malformed"},
      {"H-11", "HTTP/1.1 200 OK\r\nname-without-colon\r\n\r\n", "http_malformed"},
      {"H-11", "HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~09azAZ: x\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      // H-12, RFC 9112 5.2
      {"H-12", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "http_malformed"},
      {"H-12", "HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n\r\n", "http_malformed"},
      // H-13, RFC 9110 5.5
      {"H-13", std::string("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", 27), "http_malformed"},
      {"H-13", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "http_malformed"},
      {"H-13", "HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n", "http_malformed"},
      {"H-13", "HTTP/1.1 200 OK\r\nA: \x80\t\xff\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      // Names as long as those that frame the message.
      {"other names",
       "HTTP/1.1 200 OK\r\nAccept-Charset: 9\r\nIf-Modified-Since: chunked\r\nContent-Language: gzip\r\n"
       "Content-Length: 2\r\n\r\nok",
       "200 body=ok rest=0"},
      // H-34, RFC 9110 8.4
      {"H-34", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", "http_malformed"},
      {"H-34", "HTTP/1.1 200 OK\r\ncontent-encoding: identity, gzip\r\n\r\n", "http_malformed"},
      {"H-34", "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      {"H-34", "HTTP/1.1 200 OK\r\nContent-Encoding:\r\nContent-Length: 0\r\n\r\n", "200 body= rest=0"},
      // H-46, RFC 9110 7.8: nothing of this changes how the message is read
      {"H-46",
       "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nAlt-Svc: h2=\":443\"\r\nStrict-Transport-Security: max-age=1\r\n"
       "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok",
       "200 body=ok rest=0"},
  };
  check(rows);
}

TEST(HttpResponse, ContentLength) {
  const auto with = [](const std::string& fields, const std::string& body = "hello") {
    return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
  };
  const Row rows[] = {
      // H-15, RFC 9110 8.6
      {"H-15", with("Content-Length: -1\r\n"), "http_malformed"},
      {"H-15", with("Content-Length: +5\r\n"), "http_malformed"},
      {"H-15", with("Content-Length: 0x10\r\n"), "http_malformed"},
      {"H-15", with("Content-Length: 5 \t\r\n"), "200 body=hello rest=0"},
      {"H-15", with("Content-Length: 5;\r\n"), "http_malformed"},
      {"H-15", with("Content-Length:\r\n"), "http_malformed"},
      {"H-15", with("Content-Length: 1e3\r\n"), "http_malformed"},
      {"H-15", with("Content-Length: 5 5\r\n"), "http_malformed"},
      {"H-15", with("CONTENT-LENGTH:00005\r\n"), "200 body=hello rest=0"},
      // H-16
      {"H-16", with("Content-Length: 18446744073709551616\r\n"), "http_too_large"},
      {"H-16", with("Content-Length: 18446744073709551615\r\n"), "http_too_large"},
      {"H-16", with("Content-Length: 9223372036854775808\r\n"), "http_too_large"},
      {"H-16", with("Content-Length: 2147483648\r\n"), "http_too_large"},
      {"H-16", with("Content-Length: 65537\r\n"), "http_too_large"},
      {"H-16", with("Content-Length: " + std::string(400, '9') + "\r\n"), "http_too_large"},
      {"H-16", with("Content-Length: 65536\r\n", std::string(65'536, 'x')), "200 body=65536 rest=0"},
      // H-17
      {"H-17", with("Content-Length: 5, 5\r\n"), "200 body=hello rest=0"},
      {"H-17", with("Content-Length: 5\r\nContent-Length: 5\r\n"), "200 body=hello rest=0"},
      {"H-17", with("Content-Length: 5,\r\n"), "http_malformed"},
      {"H-17", with("Content-Length: ,5\r\n"), "http_malformed"},
      // H-18, RFC 9112 6.3
      {"H-18", with("Content-Length: 5, 6\r\n"), "http_malformed"},
      {"H-18", with("Content-Length: 5\r\nContent-Length: 6\r\n"), "http_malformed"},
      // H-30, RFC 9112 8
      {"H-30", with("Content-Length: 100\r\n", std::string(99, 'x')), "http_truncated"},
      // H-41, RFC 9112 9.2: what follows is not part of it
      {"H-41", with("Content-Length: 5\r\n", "helloHTTP/1.1 200 OK\r\n\r\n"), "200 body=hello rest=19"},
      {"H-41", with("Content-Length: 0\r\n", "\r\n"), "200 body= rest=2"},
      // RFC 9112 6.3: the answer to HEAD has no body, whatever its fields say
      {"HEAD", with("Content-Length: 1000000\r\n", ""), "200 body= rest=0", kHead},
      {"HEAD", with("Transfer-Encoding: chunked\r\n", ""), "200 body= rest=0", kHead},
      // RFC 9112 6.3: nor has what opens a tunnel
      {"CONNECT", with("Content-Length: 1000000\r\n", "tunnel"), "200 body= rest=6", kConnect},
      {"CONNECT", "HTTP/1.1 407 no\r\nContent-Length: 2\r\n\r\nno", "407 body=no rest=0", kConnect},
  };
  check(rows);
  const Row cut[] = {{"H-30", with("Content-Length: 100\r\n", std::string(99, 'x')), "http_truncated"},
                     {"H-30", with("Content-Length: 5\r\n"), "200 body=hello rest=0"}};
  check(cut, StreamEnd::cut);
}

TEST(HttpResponse, TransferEncoding) {
  const auto with = [](const std::string& fields, const std::string& body = "0\r\n\r\n") {
    return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
  };
  const Row rows[] = {
      {"chunked", with("Transfer-Encoding: Chunked\r\n"), "200 body= rest=0"},
      // H-19, RFC 9112 6.3
      {"H-19", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "http_malformed"},
      {"H-19", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "http_malformed"},
      // H-20, RFC 9112 6.1
      {"H-20", with("Transfer-Encoding: chunked, identity\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: gzip, chunked\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: xchunked\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: chunkedx\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: chunked, chunked\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding:\r\n"), "http_malformed"},
      {"H-20", with("Transfer-Encoding: identity\r\n"), "http_malformed"},
      // H-21, RFC 9112 6.1
      {"H-21", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "http_malformed"},
      // H-22, RFC 9112 6.3: no body, and what follows is nobody's
      {"H-22", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "204 body= rest=0"},
      {"H-22", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "304 body= rest=0"},
      {"H-22", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "204 body= rest=5"},
  };
  check(rows);
}

TEST(HttpResponse, BytesBehindABodilessResponseAreMalformed) {  // H-22, RFC 9112 6.3
  const std::string_view input = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello";
  const EventLog first = run<ResponseDecoder>(input, ResponseContext{}, {}, StreamEnd::orderly);
  ASSERT_EQ(first.error, Errc::none);
  const EventLog second = run<ResponseDecoder>(input.substr(first.size), ResponseContext{}, {}, StreamEnd::orderly);
  EXPECT_EQ(second.error, Errc::http_malformed);
}

TEST(HttpResponse, Chunks) {
  const auto with = [](const std::string& body) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
  };
  const Row rows[] = {
      {"chunked", with("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "200 body=hello world rest=0"},
      {"chunked", with("0005\r\nhello\r\n000\r\n\r\nrest"), "200 body=hello rest=4"},
      {"chunked", with("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "200 body=01234567890123456789 rest=0"},
      // H-23, RFC 9112 7.1
      {"H-23", with("\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("-5\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("0x5\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("G\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with(" 5\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("5 \r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("5 5\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("5\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-23", with("5\rhello\r\n0\r\n\r\n"), "http_malformed"},
      // H-24
      {"H-24", with("FFFFFFFFFFFFFFFF\r\n"), "http_too_large"},
      {"H-24", with("10000000000000000\r\n"), "http_too_large"},
      {"H-24", with("10001\r\n"), "http_too_large"},
      {"H-24", with("fff0\r\n" + std::string(0xfff0, 'x') + "\r\n11\r\n"), "http_too_large"},
      {"H-24", with("fff0\r\n" + std::string(0xfff0, 'x') + "\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"),
       "200 body=65536 rest=0"},
      // H-25, RFC 9112 7.1.1
      {"H-25", with(std::string(200, '0') + "5\r\nhello\r\n0\r\n\r\n"), "200 body=hello rest=0"},
      {"H-25", with(std::string(255, '0') + "5\r\nhello\r\n0\r\n\r\n"), "200 body=hello rest=0"},
      {"H-25", with(std::string(256, '0') + "5\r\nhello\r\n0\r\n\r\n"), "http_too_large"},
      {"H-25", with("5;" + std::string(255, 'x') + "\r\nhello\r\n0\r\n\r\n"), "http_too_large"},
      // H-26, RFC 9112 7.1.1
      {"H-26", with(repeat("1;" + std::string(200, 'x') + "\r\na\r\n", 20)), "http_too_large", kSmall},
      {"H-26", with(repeat("1\r\na\r\n", 51)), "http_truncated", kSmall},
      {"H-26", with(repeat("1\r\na\r\n", 52)), "http_too_large", kSmall},
      // H-27, RFC 9112 7.1
      {"H-27", with("5\r\nhelloX\r\n0\r\n\r\n"), "http_malformed"},
      {"H-27", with("5\r\nhello\n0\r\n\r\n"), "http_malformed"},
      {"H-27", with("5\r\nhello\rX0\r\n\r\n"), "http_malformed"},
      {"H-27", with("5\r\nhello0\r\n\r\n"), "http_malformed"},
      // H-29, RFC 9112 8
      {"H-29", with("5\r\nhello\r\n"), "http_truncated"},
      {"H-29", with("5\r\nhello\r\n0\r\n"), "http_truncated"},
      // H-31, RFC 9112 7.1.1, CVE-2021-22960
      {"H-31", with("5;a\nb\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-31", with("5;a=\"b\r\nc\"\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-31", with("5;a=\"b\\\r\n\"\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"H-31", with("5;a\rb\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"extension", with("5;a;b=c;d=\"e \\\" ;\"\r\nhello\r\n0;z\r\n\r\n"), "200 body=hello rest=0"},
      {"extension", with("5 ; a = b ; c\r\nhello\r\n0\r\n\r\n"), "200 body=hello rest=0"},
      {"extension", with("5\t;\ta\t=\tb\t;\tc\r\nhello\r\n0\r\n\r\n"), "200 body=hello rest=0"},
      {"extension", with("5;a ;b  =c\r\nhello\r\n0\r\n\r\n"), "200 body=hello rest=0"},
      {"extension", with("5;\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"extension", with("5;a=\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"extension", with("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"extension", with("5;a \r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"extension", with("5;a=b \r\nhello\r\n0\r\n\r\n"), "http_malformed"},
      {"extension", with("5;a b\r\nhello\r\n0\r\n\r\n"), "http_malformed"},
  };
  check(rows);
}

TEST(HttpResponse, ChunkFramingIsLimitedByTheBodyLimit) {  // H-26, RFC 9112 7.1.1
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto error_of = [&head](const std::string& chunk, std::size_t count) {
    return run<ResponseDecoder>(head + repeat(chunk, count), ResponseContext{}, {}, StreamEnd::orderly, Copies::none)
        .error;
  };
  EXPECT_EQ(error_of("1;" + std::string(200, 'x') + "\r\na\r\n", 65'536), Errc::http_too_large);
  // Five bytes of framing a chunk: 4 x 65,536 / 5 chunks fit.
  EXPECT_EQ(error_of("1\r\na\r\n", 52'428), Errc::http_truncated);
  EXPECT_EQ(error_of("1\r\na\r\n", 52'429), Errc::http_too_large);
}

TEST(HttpResponse, Trailers) {  // H-28, RFC 9112 7.1.2
  const auto with = [](const std::string& trailers) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + trailers + "\r\n";
  };
  const Row rows[] = {
      {"H-28", with("Content-Length: 99\r\nTransfer-Encoding: gzip\r\nSet-Cookie: a=b\r\n"), "200 body=ok rest=0"},
      {"H-28", with("a:" + std::string(4'092, 'x') + "\r\n"), "200 body=ok rest=0"},
      {"H-28", with("a:" + std::string(4'093, 'x') + "\r\n"), "http_too_large"},
      {"H-28", with(repeat("a: " + std::string(95, 'x') + "\r\n", 52)), "http_too_large"},
      {"H-28", with("a b: c\r\n"), "http_malformed"},
      {"H-28", with(": c\r\n"), "http_malformed"},
      {"H-28", with(" a: c\r\n"), "http_malformed"},
      {"H-28", with("a: c\n"), "http_malformed"},
      {"H-28", with("a: c\r\r\n"), "http_malformed"},
      {"H-28", with("a: \x01\r\n"), "http_malformed"},
      {"H-06", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n", "http_malformed"},
      {"H-07", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\rX", "http_malformed"},
      {"H-07", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n\r\r\n", "http_malformed"},
      {"H-06", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n", "http_malformed"},
  };
  check(rows);
  // Never merged: the head shows what it showed.
  const EventLog log = run<ResponseDecoder>(with("Set-Cookie: a=b\r\n"), ResponseContext{}, {}, StreamEnd::orderly);
  EXPECT_EQ(log.head.find("Set-Cookie"), std::string::npos);
}

TEST(HttpResponse, CloseDelimited) {
  const Row orderly[] = {
      // H-32, RFC 9112 6.3, 9.8
      {"H-32", "HTTP/1.1 200 OK\r\n\r\nhello", "200 body=hello rest=0"},
      {"H-32", "HTTP/1.0 200 OK\r\n\r\n", "200 body= rest=0"},
      // H-33
      {"H-33", "HTTP/1.1 200 OK\r\n\r\n" + std::string(65'536, 'x'), "200 body=65536 rest=0"},
      {"H-33", "HTTP/1.1 200 OK\r\n\r\n" + std::string(65'537, 'x'), "http_too_large"},
      {"H-33", "HTTP/1.1 200 OK\r\n\r\n" + std::string(200'000, 'x'), "http_too_large"},
  };
  check(orderly);
  const Row cut[] = {{"H-32", "HTTP/1.1 200 OK\r\n\r\nhello", "http_truncated"},
                     {"H-32", "HTTP/1.0 200 OK\r\n\r\n", "http_truncated"}};
  check(cut, StreamEnd::cut);
}

TEST(HttpResponse, Limits) {
  const auto fields = [](std::size_t count) { return "HTTP/1.1 200 OK\r\n" + repeat("a: b\r\n", count) + "\r\n"; };
  const std::string start = "HTTP/1.1 200 OK\r\n";
  const auto head_of = [&](std::size_t size) {
    std::string head = start;
    while (size - head.size() > 8'000) head += "a: " + std::string(4'000, 'x') + "\r\n";
    return head + "a: " + std::string(size - head.size() - 7, 'x') + "\r\n\r\n";
  };
  const Row rows[] = {
      // H-04, RFC 9112 3, RFC 9110 5.4
      {"H-04", "HTTP/1.1 200 " + std::string(8'192 - 13, 'x') + "\r\n\r\n", "200 body= rest=0"},
      {"H-04", "HTTP/1.1 200 " + std::string(8'192 - 12, 'x') + "\r\n\r\n", "http_too_large"},
      {"H-04", "HTTP/1.1 200 " + std::string(1024 * 1024, 'x'), "http_too_large"},
      // H-14, RFC 9110 5.4
      {"H-14", fields(100), "200 body= rest=0"},
      {"H-14", fields(101), "http_too_large"},
      {"H-14", head_of(32 * 1024), "200 body= rest=0"},
      {"H-14", head_of(32 * 1024 + 1), "http_too_large"},
      {"H-14", head_of(33 * 1024), "http_too_large"},
      {"H-14", start + "a:" + std::string(8'190, 'x') + "\r\n\r\n", "200 body= rest=0"},
      {"H-14", start + "a:" + std::string(8'191, 'x') + "\r\n\r\n", "http_too_large"},
      {"H-14", start + std::string(8'193, 'a') + ": x\r\n\r\n", "http_too_large"},
      {"H-14", start + std::string(8'192, 'a') + " : x\r\n\r\n", "http_malformed"},
      {"H-14", start + "a:" + std::string(9 * 1024, 'x') + "\r\n\r\n", "http_too_large"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.id) + " " + std::to_string(row.input.size()));
    if (row.input.size() > 100'000) {
      // Cutting a mebibyte everywhere shows nothing that cutting its front does not.
      const std::string_view front(row.input);
      EXPECT_EQ(run<ResponseDecoder>(row.input, row.context, {}, StreamEnd::orderly).error, Errc::http_too_large);
      check_everywhere<ResponseDecoder>(front.substr(0, 9'000), row.context);
      continue;
    }
    const EventLog log = check_everywhere<ResponseDecoder>(row.input, row.context);
    EXPECT_EQ(outcome_of(log, row.input.size()), row.outcome);
  }
}

TEST(HttpResponse, SmallLimitsHoldToTheByte) {
  const std::string_view input = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::size_t head = input.size() - 5;
  ResponseContext context;
  context.limits = {.head_bytes = head, .body_bytes = 5};
  EXPECT_EQ(check_everywhere<ResponseDecoder>(input, context).error, Errc::none);
  context.limits = {.head_bytes = head - 1, .body_bytes = 5};
  EXPECT_EQ(check_everywhere<ResponseDecoder>(input, context).error, Errc::http_too_large);
  EXPECT_EQ(check_everywhere<ResponseDecoder>("\r\n" + std::string(input), context).error, Errc::http_too_large);
  context.limits = {.head_bytes = head + 1, .body_bytes = 5};
  EXPECT_EQ(check_everywhere<ResponseDecoder>("\r\n" + std::string(input), context).error, Errc::http_too_large);
  context.limits = {.head_bytes = head + 2, .body_bytes = 5};
  EXPECT_EQ(check_everywhere<ResponseDecoder>("\r\n" + std::string(input), context).error, Errc::none);
  context.limits = {.head_bytes = head, .body_bytes = 4};
  EXPECT_EQ(check_everywhere<ResponseDecoder>(input, context).error, Errc::http_too_large);
  context.limits = {.head_bytes = 0, .body_bytes = 0};
  EXPECT_EQ(check_everywhere<ResponseDecoder>(input, context).error, Errc::http_too_large);
}

TEST(HttpResponse, AByteAChunkBehindALongExtensionEndsAtTheLimitOfTheFraming) {  // H-26, RFC 9112 7.1.1
  const std::string input = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            repeat("1;" + std::string(200, 'x') + "\r\na\r\n", limits::kHttpBodyBytes);
  for (const std::size_t piece : {input.size(), std::size_t{16 * 1024}, std::size_t{1'460}}) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = piece; at < input.size(); at += piece) cuts.push_back(at);
    const EventLog log = run<ResponseDecoder>(input, ResponseContext{}, cuts, StreamEnd::orderly, Copies::none);
    EXPECT_EQ(log.error, Errc::http_too_large) << piece;
    // Four times the body's limit of framing at 206 bytes a chunk.
    EXPECT_LE(log.body.size(), limits::kHttpChunkOverheadFactor * limits::kHttpBodyBytes / 206 + 1);
  }
}

TEST(HttpResponse, InterimResponses) {
  const std::string final = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const std::string proceed = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string padded = "HTTP/1.1 103 Hints\r\na: " + std::string(4'000, 'x') + "\r\n\r\n";
  const Row rows[] = {
      // H-36, RFC 9110 15.2
      {"H-36", repeat(proceed, 8) + final, "200 body=ok rest=0"},
      {"H-36", repeat(proceed, 9) + final, "http_malformed"},
      {"H-36", "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + final, "200 body=ok rest=0"},
      {"H-36", "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + final, "200 body=ok rest=0"},
      {"H-36", repeat(padded, 8) + final, "200 body=ok rest=0"},
      {"H-36", repeat(padded, 7) + "HTTP/1.1 103 Hints\r\na: " + std::string(5'000, 'x') + "\r\n\r\n" + final,
       "http_too_large"},
      {"H-36", proceed + "\r\n" + final, "200 body=ok rest=0"},
      {"H-36", proceed, "http_truncated"},
      // H-37, RFC 9110 15.2.2
      {"H-37", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "http_malformed"},
      {"H-37", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02ok", "101 body= rest=4",
       kUpgrade},
      {"H-37", proceed + "HTTP/1.1 101 S\r\nContent-Length: 9\r\n\r\nnew", "101 body= rest=3", kUpgrade},
  };
  check(rows);
}

TEST(HttpResponse, RedirectsAndTypesAreHandedOut) {  // H-35, H-38: what to make of them is the client's to decide
  const std::string_view input =
      "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://other.example/\r\nContent-Type: application/problem+json\r\n"
      "Content-Length: 0\r\n\r\n";
  ResponseDecoder decoder;
  ASSERT_EQ(decoder.next(bytes_of(input)).kind, StepKind::head);
  EXPECT_EQ(decoder.head().status, 307);
  EXPECT_EQ(decoder.head().find("location"), "http://other.example/");
  EXPECT_EQ(decoder.head().find("CONTENT-TYPE"), "application/problem+json");
  EXPECT_EQ(decoder.head().find("Content-Typo"), "");
  EXPECT_EQ(decoder.head().count("content-length"), 1U);
  // H-38: a CRLF inside a Location starts a new line and is judged as one.
  EXPECT_EQ(
      run<ResponseDecoder>("HTTP/1.1 302 F\r\nLocation: /a\r\n/b\r\n\r\n", ResponseContext{}, {}, StreamEnd::orderly)
          .error,
      Errc::http_malformed);
}

TEST(HttpResponse, RepeatedFieldsAreCounted) {  // H-44, H-45: two values are none
  const std::string_view input =
      "HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nretry-after: 2\r\nDate: x\r\nContent-Length: 0\r\n\r\n";
  ResponseDecoder decoder;
  ASSERT_EQ(decoder.next(bytes_of(input)).kind, StepKind::head);
  EXPECT_EQ(decoder.head().count("Retry-After"), 2U);
  EXPECT_EQ(decoder.head().find("Retry-After"), "1");
  EXPECT_EQ(decoder.head().count("Date"), 1U);
  EXPECT_EQ(decoder.head().count("Age"), 0U);
  EXPECT_EQ(decoder.head().count("Dato"), 0U);
}

TEST(HttpResponse, ErrorsSayWhereAndCarryTheStatus) {
  ResponseDecoder decoder;
  const std::string_view input = "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 503 Busy\r\nA: b\r\nC : d\r\n\r\n";
  ASSERT_EQ(decoder.next(bytes_of(input)).kind, StepKind::error);
  EXPECT_EQ(decoder.error().offset(), input.find(" : d"));
  EXPECT_EQ(decoder.error().number(), 503U);
  EXPECT_EQ(decoder.error().clause(), "RFC 9112 5.1");
  EXPECT_EQ(decoder.error().culprit(), Culprit::peer_malformed);
}

TEST(HttpResponse, ErrorsSayAtWhichByte) {
  struct Place {
    std::string input;
    std::string_view at;  // the offset is where this stands
  };
  const Place places[] = {{"HTTP/1.1 101 Go\r\n\r\n", "HTTP"},
                          {"HTTP/1.1 2000 OK\r\n\r\n", "0 OK"},
                          {"HTTP/1.1 099 OK\r\n\r\n", "099"},
                          {"HTTP/1.1 2x0 OK\r\n\r\n", "x0"},
                          {"HTTP/1.1\t200 OK\r\n\r\n", "\t"},
                          {"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: x\r\n\r\n", "Content"},
                          {"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer"}};
  for (const Place& place : places) {
    ResponseDecoder decoder;
    ASSERT_EQ(decoder.next(bytes_of(place.input)).kind, StepKind::error) << place.input;
    EXPECT_EQ(decoder.error().offset(), place.input.find(place.at)) << place.input;
  }
}

TEST(HttpResponse, ErrorsCarryNoStatusOfAnInterimResponse) {  // an error's number once depended on the cut
  const std::pair<std::string_view, unsigned> rows[] = {
      {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1= 200", 0},
      {"HTTP/1.1 100 Go\r\n\r\n\rX", 0},
      {"HTTP/1.1 100 Go\r\n\r\n\r", 0},
      {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 20x", 0},
      {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200", 0},
      {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 404 \x01", 404},
  };
  for (const auto& [input, status] : rows) {
    const EventLog log = check_everywhere<ResponseDecoder>(input, ResponseContext{});
    EXPECT_TRUE(log.end.ends_with("(" + std::to_string(status) + ")")) << log.end;
  }
}

TEST(HttpResponse, ErrorsNameTheBareLineFeed) {  // H-06, RFC 9112 2.2
  const std::string_view inputs[] = {"\r\nHTTP/1.1 200 OK\n", "\r\nHTTP/1.1 200 OK\r\nA: b\n"};
  for (const std::string_view input : inputs) {
    ResponseDecoder decoder;
    ASSERT_EQ(decoder.next(bytes_of(input)).kind, StepKind::error);
    EXPECT_EQ(decoder.error().what(), "a line ends in a bare LF");
    EXPECT_EQ(decoder.error().offset(), input.size() - 1);
  }
}

TEST(HttpResponse, ACopyCountsInterimResponsesOn) {  // H-36
  const std::string_view proceed = "HTTP/1.1 100 Go\r\n\r\n";
  ResponseDecoder decoder;
  for (std::size_t count = 0; count < limits::kHttpInterimCount; ++count) {
    ASSERT_EQ(decoder.next(bytes_of(proceed)).consumed, proceed.size());
    const ResponseDecoder copy = decoder;
    decoder = copy;
  }
  EXPECT_EQ(decoder.next(bytes_of(proceed)).kind, StepKind::error);
}

TEST(HttpResponse, EndsBehindTheHeadOfAResponseWithoutBody) {  // RFC 9112 6.3, 9.8
  const std::pair<const char*, StepKind> rows[] = {
      {"HTTP/1.1 204 No Content\r\n\r\n", StepKind::done},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", StepKind::done},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", StepKind::done},
      {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", StepKind::error},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", StepKind::error},
      {"HTTP/1.1 200 OK\r\n\r\n", StepKind::error}};
  for (const auto& [input, kind] : rows) {
    ResponseDecoder decoder;
    ASSERT_EQ(decoder.next(bytes_of(input)).kind, StepKind::head) << input;
    for (int twice = 0; twice < 2; ++twice) {
      const Step step = decoder.finish(StreamEnd::cut);
      EXPECT_EQ(step.kind, kind) << input;
      EXPECT_EQ(step.consumed, 0U) << input;
      EXPECT_TRUE(step.data.empty()) << input;
    }
  }
}

TEST(HttpResponse, ACopyHasTheHead) {
  const std::string_view input = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok";
  const std::string_view other = "HTTP/1.1 204 No\r\nA: other\r\n\r\n";
  ResponseDecoder original;
  const Step step = original.next(bytes_of(input));
  ASSERT_EQ(step.kind, StepKind::head);
  ResponseDecoder copy;
  ASSERT_EQ(copy.next(bytes_of(other)).kind, StepKind::head);
  copy = original;
  const ResponseDecoder& itself = copy;
  copy = itself;
  // What the original reads from now on is not the copy's.
  original = ResponseDecoder();
  ASSERT_EQ(original.next(bytes_of(other)).kind, StepKind::head);
  EXPECT_EQ(copy.head().find("a"), "b");
  EXPECT_EQ(text_of(copy.next(bytes_of(input).subspan(step.consumed)).data), "ok");
}

TEST(HttpResponse, ReadsNothingBehindTheInput) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const guard = static_cast<std::uint8_t*>(memory) + page;
  ASSERT_EQ(mprotect(guard, page, PROT_NONE), 0);
  const std::string_view input =
      "HTTP/1.1 200 OK\r\nServer: nginx\r\nX-Long-Name-Of-A-Field: and-a-value-of-some-length\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nt: v\r\n\r\n";
  for (std::size_t size = 0; size <= input.size(); ++size) {
    std::uint8_t* front = guard - size;
    if (size != 0) std::memcpy(front, input.data(), size);
    ResponseDecoder decoder;
    for (Step step = decoder.next({front, size});; step = decoder.next({front, guard})) {
      front += step.consumed;
      if (step.kind == StepKind::need_more || step.kind == StepKind::done) break;
      ASSERT_NE(step.kind, StepKind::error);
    }
  }
  munmap(memory, 2 * page);
}

// BAD_INPUTS 12: what broke in the field.
TEST(HttpResponse, Cve2022_32214LenientLineFeed) {  // H-06
  EXPECT_EQ(check_everywhere<ResponseDecoder>(
                "HTTP/1.1 200 OK\r\nA: x\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\n\r\n", ResponseContext{})
                .error,
            Errc::http_malformed);
}
TEST(HttpResponse, Cve2021_22959SpaceBeforeColon) {  // H-10
  EXPECT_EQ(
      check_everywhere<ResponseDecoder>("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", ResponseContext{}).error,
      Errc::http_malformed);
}
TEST(HttpResponse, Cve2021_22960ChunkExtension) {  // H-31
  EXPECT_EQ(check_everywhere<ResponseDecoder>(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;\n\r\nA\r\n0\r\n\r\n", ResponseContext{})
                .error,
            Errc::http_malformed);
}

}  // namespace
}  // namespace axonpush::http::test
