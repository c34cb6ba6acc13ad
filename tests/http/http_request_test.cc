// The server's half, and both writers.
#include <axonpush/http/url.h>

#include "http_harness.h"
#include "support/allocations.h"

namespace axonpush::http::test {
namespace {

struct Row {
  std::string input;
  std::string outcome;  // "METHOD target|BODY|REST BYTES", or the name of the error
  RequestContext context = {};
};

std::string outcome_of(const EventLog& log, std::size_t input_size) {
  if (log.error != Errc::none) return std::string(name_of(log.error));
  const std::size_t end = log.head.find(" 1.");
  return log.head.substr(5, end - 5) + "|" + log.body + "|" + std::to_string(input_size - log.size);
}

void check(std::span<const Row> rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.input.substr(0, 200));
    const EventLog log = check_everywhere<RequestDecoder>(row.input, row.context);
    EXPECT_EQ(outcome_of(log, row.input.size()), row.outcome) << log.text();
  }
}

TEST(HttpRequest, RequestLine) {  // RFC 9112 3
  const std::string host = " HTTP/1.1\r\nHost: a\r\n\r\n";
  const Row rows[] = {
      {"GET /" + host, "GET /||0"},
      {"GET /mqtt?x-amz-customauthorizer-name=a" + host, "GET /mqtt?x-amz-customauthorizer-name=a||0"},
      {"\r\nGET /" + host + "\x81\x05", "GET /||2"},
      {"OPTIONS *" + host, "OPTIONS *||0"},
      {"M-SEARCH http://a/b" + host, "M-SEARCH http://a/b||0"},
      {"GET / HTTP/1.0\r\n\r\n", "GET /||0"},
      {"\rGET /" + host, "http_malformed"},
      {"\r\n\rGET /" + host, "http_malformed"},
      {" GET /" + host, "http_malformed"},
      {"GET  /" + host, "http_malformed"},
      {"GET / " + host, "http_malformed"},
      {"GET\t/" + host, "http_malformed"},
      {"G(T /" + host, "http_malformed"},
      {"GET /a b" + host, "http_malformed"},
      {"GET /\xc3\xa4" + host, "http_malformed"},
      {"GET /\x7f" + host, "http_malformed"},
      {"GET /\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.11\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.:\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1./\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "http_malformed"},
      {"GET /", "http_truncated"},
      {"", "http_truncated"},
  };
  check(rows);
}

TEST(HttpRequest, LineLimit) {
  const std::string rest = " HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto error_of = [](const std::string& input) {
    return check_everywhere<RequestDecoder>(input, RequestContext{}).error;
  };
  EXPECT_EQ(error_of("GET /" + std::string(8'192 - 5, 'x') + rest), Errc::none);
  EXPECT_EQ(error_of("GET /" + std::string(8'192 - 4, 'x') + rest), Errc::http_too_large);
  EXPECT_EQ(error_of(std::string(8'192, 'x') + " /" + rest), Errc::http_too_large);
  EXPECT_EQ(error_of(std::string(8'193, 'x')), Errc::http_too_large);
  RequestContext context;
  context.limits.head_bytes = 40;
  EXPECT_EQ(check_everywhere<RequestDecoder>("GET /0123456789" + rest, context).error, Errc::none);
  EXPECT_EQ(check_everywhere<RequestDecoder>("\r\nGET /0123456789" + rest, context).error, Errc::none);
  EXPECT_EQ(check_everywhere<RequestDecoder>("GET /0123456789abcd" + rest, context).error, Errc::http_too_large);
  EXPECT_EQ(check_everywhere<RequestDecoder>("\r\n\r\n\r\nGET /0123456789" + rest, context).error,
            Errc::http_too_large);
}

TEST(HttpRequest, HostIsRequiredOnce) {  // RFC 9112 3.2
  const Row rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.1\r\nhost:\r\n\r\n", "GET /||0"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "http_malformed"},
      {"GET / HTTP/1.1\r\n\r\n", "GET /||0", {.limits = {}, .require_host = false}},
  };
  check(rows);
}

TEST(HttpRequest, TheErrorTellsNoHostFromSeveral) {  // RFC 9112 3.2
  const auto error_of = [](std::string_view input) {
    RequestDecoder decoder;
    EXPECT_EQ(decoder.next(bytes_of(input)).kind, StepKind::error);
    return decoder.error();
  };
  const std::string_view none = "GET / HTTP/1.1\r\n\r\n";
  const std::string_view several = "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n";
  EXPECT_EQ(error_of(none).what(), "no Host");
  EXPECT_EQ(error_of(none).offset(), none.size() - 1) << "known at the head's last byte";
  EXPECT_EQ(error_of(several).what(), "several Hosts");
  EXPECT_EQ(error_of(several).offset(), several.size() - 1);
}

TEST(HttpRequest, Bodies) {  // RFC 9112 6.3
  const auto with = [](const std::string& fields, const std::string& body) {
    return "POST /auth HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
  };
  const Row rows[] = {
      {with("", "more"), "POST /auth||4"},
      {with("Content-Length: 0\r\n", ""), "POST /auth||0"},
      {with("Content-Length: 4\r\n", "bodymore"), "POST /auth|body|4"},
      {with("Content-Length: 5\r\n", "body"), "http_truncated"},
      {with("Transfer-Encoding: chunked\r\n", "4\r\nbody\r\n0\r\n\r\nmore"), "POST /auth|body|4"},
      {with("Transfer-Encoding: chunked\r\n", "4\r\nbody\r\n0\r\n"), "http_truncated"},
      {with("Transfer-Encoding: chunked\r\n", "4x\r\nbody\r\n0\r\n\r\n"), "http_malformed"},
      {with("Transfer-Encoding: gzip, chunked\r\n", ""), "http_malformed"},
      {with("Transfer-Encoding: chunkes\r\n", ""), "http_malformed"},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", ""), "http_malformed"},
      {with("Content-Length: 4\r\nContent-Length: 5\r\n", ""), "http_malformed"},
      {with("Content-Length: 65537\r\n", ""), "http_too_large"},
      {with("Content-Length: 65536\r\n", ""), "http_truncated"},  // the limit itself is allowed
  };
  check(rows);
}

// Whoever knows from the head that no body follows need not ask for one before the stream ends.
TEST(HttpRequest, EndsBehindTheHeadOfARequestWithoutBody) {  // RFC 9112 6.3
  for (const StreamEnd end : {StreamEnd::orderly, StreamEnd::cut}) {
    RequestDecoder decoder;
    ASSERT_EQ(decoder.next(bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).kind, StepKind::head);
    for (int twice = 0; twice < 2; ++twice) {
      const Step step = decoder.finish(end);
      EXPECT_EQ(step.kind, StepKind::done);
      EXPECT_EQ(step.consumed, 0U);
    }
  }
}

TEST(HttpRequest, ACopyHasTheHead) {
  const std::string_view input = "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nok";
  const std::string_view other = "GET / HTTP/1.1\r\nHost: other\r\n\r\n";
  RequestDecoder original;
  const Step step = original.next(bytes_of(input));
  ASSERT_EQ(step.kind, StepKind::head);
  RequestDecoder copy;
  ASSERT_EQ(copy.next(bytes_of(other)).kind, StepKind::head);
  copy = original;
  const RequestDecoder& itself = copy;
  copy = itself;
  // What the original reads from now on is not the copy's.
  original = RequestDecoder();
  ASSERT_EQ(original.next(bytes_of(other)).kind, StepKind::head);
  EXPECT_EQ(copy.head().find("HOST"), "b");
  EXPECT_EQ(copy.head().method, "POST");
  EXPECT_EQ(text_of(copy.next(bytes_of(input).subspan(step.consumed)).data), "ok");
}

// What a decoder says of an input that comes byte by byte: kinds, data, and where and how it ended.
template <class Decoder>
std::string told(std::string_view input, bool copied) {
  auto decoder = std::make_unique<Decoder>();
  std::string text;
  std::size_t front = 0;
  std::size_t end = 0;
  Step step;
  while (step.kind != StepKind::done && step.kind != StepKind::error) {
    if (copied) decoder = std::make_unique<Decoder>(std::as_const(*decoder));
    step = end <= input.size() ? decoder->next(bytes_of(input.substr(front, end - front)))
                               : decoder->finish(StreamEnd::cut);
    front += step.consumed;
    if (step.kind == StepKind::need_more) {
      ++end;
    } else {
      text += std::to_string(static_cast<int>(step.kind)) + std::string(text_of(step.data)) + " ";
    }
  }
  if (copied) decoder = std::make_unique<Decoder>(std::as_const(*decoder));
  const Error error = decoder->error();
  return text + std::string(error.what()) + "@" + std::to_string(error.offset()) + " " +
         std::to_string(error.number()) + " " + std::to_string(front);
}

TEST(HttpDecoders, ACopyGoesOnAtAnyByteAsTheOriginalWould) {
  for (const std::string_view input :
       {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\n\r\nbod",
        "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;x\r\nyes\r\n0\r\nT: u\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\nyes\r\nx", "HTTP/1.1 200 OK\r\nA : b\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end"}) {
    EXPECT_EQ(told<ResponseDecoder>(input, true), told<ResponseDecoder>(input, false)) << input;
  }
  for (const std::string_view input :
       {"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nbod", "GET / HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : b",
        "POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx"}) {
    EXPECT_EQ(told<RequestDecoder>(input, true), told<RequestDecoder>(input, false)) << input;
  }
}

TEST(HttpRequestWriter, WritesWhatTheDecoderReads) {
  std::uint8_t buffer[512];
  RequestWriter writer(buffer);
  writer.start("POST", "/auth/iot-credentials");
  writer.header("Host", "api.example:8443");
  writer.header("X-API-Key", "ak_!~");
  writer.header("Authorization", "Bearer a.b.c");
  writer.header("Content-Length", "0");
  writer.finish();
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(text_of(writer.written()),
            "POST /auth/iot-credentials HTTP/1.1\r\nHost: api.example:8443\r\nX-API-Key: ak_!~\r\n"
            "Authorization: Bearer a.b.c\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(check_everywhere<RequestDecoder>(text_of(writer.written()), RequestContext{}).error, Errc::none);
}

struct Attempt {
  const char* what;
  void (*write)(RequestWriter&);
  Errc error;
};

TEST(HttpRequestWriter, RefusesWhatWouldInject) {  // T-15, T-16
  const Attempt attempts[] = {
      {"CR in a value", [](RequestWriter& w) { w.header("A", "b\rc"); }, Errc::header_invalid},
      {"LF in a value", [](RequestWriter& w) { w.header("A", "b\nEvil: 1"); }, Errc::header_invalid},
      {"CRLF in a value", [](RequestWriter& w) { w.header("A", "b\r\n\r\nGET / HTTP/1.1"); }, Errc::header_invalid},
      {"NUL in a value", [](RequestWriter& w) { w.header("A", std::string_view("b\0c", 3)); }, Errc::header_invalid},
      {"tab in a value", [](RequestWriter& w) { w.header("A", "b\tc"); }, Errc::header_invalid},
      {"not ASCII", [](RequestWriter& w) { w.header("A", "\xc3\xa4"); }, Errc::header_invalid},
      {"DEL", [](RequestWriter& w) { w.header("A", "\x7f"); }, Errc::header_invalid},
      {"leading space", [](RequestWriter& w) { w.header("A", " b"); }, Errc::header_invalid},
      {"trailing space", [](RequestWriter& w) { w.header("A", "b "); }, Errc::header_invalid},
      {"empty value", [](RequestWriter& w) { w.header("A", ""); }, Errc::header_invalid},
      {"no name", [](RequestWriter& w) { w.header("", "b"); }, Errc::header_invalid},
      {"colon in a name", [](RequestWriter& w) { w.header("A:", "b"); }, Errc::header_invalid},
      {"space in a name", [](RequestWriter& w) { w.header("A b", "c"); }, Errc::header_invalid},
      {"CRLF in a name", [](RequestWriter& w) { w.header("A\r\nB", "c"); }, Errc::header_invalid},
      {"second Host", [](RequestWriter& w) { w.header("hOST", "b"); }, Errc::header_invalid},
      {"second length",
       [](RequestWriter& w) {
         w.header("Content-Length", "0");
         w.header("content-length", "5");
       },
       Errc::header_invalid},
      {"two framings",
       [](RequestWriter& w) {
         w.header("Content-Length", "0");
         w.header("Transfer-Encoding", "chunked");
       },
       Errc::header_invalid},
      {"second start", [](RequestWriter& w) { w.start("GET", "/"); }, Errc::invalid_argument},
      {"field behind the end",
       [](RequestWriter& w) {
         w.finish();
         w.header("A", "b");
       },
       Errc::invalid_argument},
  };
  for (const Attempt& attempt : attempts) {
    SCOPED_TRACE(attempt.what);
    std::uint8_t buffer[512];
    RequestWriter writer(buffer);
    writer.start("GET", "/");
    writer.header("Host", "a");
    attempt.write(writer);
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(writer.error().code(), attempt.error);
    // It sticks, and there is nothing to send.
    writer.header("C", "d");
    writer.finish();
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(writer.error().code(), attempt.error);
    EXPECT_TRUE(writer.written().empty());
  }
}

TEST(HttpRequestWriter, RefusesBadStarts) {  // W-H18
  struct Start {
    std::string method;
    std::string target;
  };
  const Start starts[] = {
      {"", "/"},      {"G T", "/"},         {"GET\r\n", "/"},      {"GET", ""},
      {"GET", "a"},   {"GET", "/a b"},      {"GET", "/a\r\nb: c"}, {"GET", "/#a"},
      {"GET", "/\t"}, {"GET", "/\xc3\xa4"}, {"GET", "*"},          {"GET", "/" + std::string(8'192, 'x')}};
  for (const Start& start : starts) {
    std::vector<std::uint8_t> buffer(16 * 1024);
    RequestWriter writer(buffer);
    writer.start(start.method, start.target);
    EXPECT_FALSE(writer.ok()) << start.method << ' ' << start.target;
    EXPECT_TRUE(writer.written().empty());
  }
  std::uint8_t buffer[64];
  RequestWriter headless(buffer);
  headless.header("A", "b");
  EXPECT_EQ(headless.error().code(), Errc::invalid_argument);
  RequestWriter hostless(buffer);
  hostless.start("GET", "/");
  hostless.finish();
  EXPECT_EQ(hostless.error().code(), Errc::invalid_argument);  // RFC 9112 3.2
}

TEST(HttpRequestWriter, NeverWritesPastItsBuffer) {
  const std::string_view whole = "GET /abc HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto buffer = std::make_unique<std::uint8_t[]>(size);
    RequestWriter writer({buffer.get(), size});
    writer.start("GET", "/abc");
    writer.header("Host", "a");
    writer.header("B", "c");
    writer.finish();
    EXPECT_EQ(writer.ok(), size == whole.size());
    EXPECT_EQ(text_of(writer.written()), size == whole.size() ? whole : "");
    EXPECT_EQ(writer.error().code(), size == whole.size() ? Errc::none : Errc::http_too_large);
  }
  std::vector<std::uint8_t> large(64 * 1024);
  RequestWriter writer(large);
  writer.start("GET", "/");
  for (int count = 0; count < 5; ++count) writer.header("A", std::string(4'000, 'x'));
  EXPECT_EQ(writer.error().code(), Errc::http_too_large);  // kHttpRequestHeadBytes
}

TEST(HttpResponseWriter, WritesWhatTheDecoderReads) {
  std::uint8_t buffer[512];
  ResponseWriter writer(buffer);
  writer.start(101, "Switching Protocols");
  writer.header("Upgrade", "websocket");
  writer.finish();
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(text_of(writer.written()), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  ResponseContext context;
  context.upgrade_requested = true;
  EXPECT_EQ(check_everywhere<ResponseDecoder>(text_of(writer.written()), context).error, Errc::none);
  const auto start_error = [&buffer](std::uint16_t status, std::string_view reason) {
    ResponseWriter bad(buffer);
    bad.start(status, reason);
    return bad.error().code();
  };
  EXPECT_EQ(start_error(200, ""), Errc::none);
  EXPECT_EQ(start_error(100, ""), Errc::none);
  EXPECT_EQ(start_error(999, ""), Errc::none);
  EXPECT_EQ(start_error(99, "x"), Errc::invalid_argument);
  EXPECT_EQ(start_error(1000, "x"), Errc::invalid_argument);
  EXPECT_EQ(start_error(200, "a\r\nb"), Errc::header_invalid);
  for (const std::uint16_t status : std::initializer_list<std::uint16_t>{100, 200, 204, 999}) {
    ResponseWriter answer(buffer);
    answer.start(status, "x");
    answer.finish();
    EXPECT_EQ(text_of(answer.written()), "HTTP/1.1 " + std::to_string(status) + " x\r\n\r\n");
  }
  // RFC 9112 4: there is one status line. The first error stands.
  ResponseWriter twice(buffer);
  twice.start(200, "OK");
  twice.start(200, "OK");
  EXPECT_EQ(twice.error().code(), Errc::invalid_argument);
  EXPECT_EQ(twice.error().offset(), 17U);
  twice.start(200, "OK");
  EXPECT_EQ(twice.error().offset(), 17U);
  EXPECT_TRUE(twice.written().empty());
}

TEST(HttpHeaderValue, Validity) {  // T-15
  for (const std::string_view good : {"a", "ak_123", "Bearer a b", "!~", "a  b"}) EXPECT_TRUE(header_value_valid(good));
  EXPECT_TRUE(header_value_valid(std::string(4'096, 'x')));
  for (const std::string_view bad :
       {"", " ", " a", "a ", "a\r", "a\n", "a\tb", "\x7f", "\x80", "\xc3\xa4", "\x1b[0m"}) {
    EXPECT_FALSE(header_value_valid(bad));
  }
  EXPECT_FALSE(header_value_valid(std::string_view("\0", 1)));
  EXPECT_FALSE(header_value_valid(std::string(4'097, 'x')));
  for (int byte = 0; byte < 256; ++byte) {
    const char value[3] = {'a', static_cast<char>(byte), 'b'};
    EXPECT_EQ(header_value_valid({value, 3}), byte >= 0x20 && byte <= 0x7E) << byte;
  }
}

TEST(Http, NothingAllocates) {
  const std::string_view response =
      "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nok\r\n0\r\nt: "
      "v\r\n\r\n";
  std::uint8_t buffer[256];
  const std::uint64_t before = axonpush::test::allocation_count();
  ResponseDecoder decoder;
  Bytes rest = bytes_of(response);
  Step step;
  while (step.kind != StepKind::done) {
    step = decoder.next(rest);
    ASSERT_NE(step.kind, StepKind::error);
    rest = rest.subspan(step.consumed);
  }
  RequestWriter writer(buffer);
  writer.start("GET", "/");
  writer.header("Host", "a");
  writer.finish();
  RequestDecoder server;
  ASSERT_EQ(server.next(writer.written()).kind, StepKind::head);
  ResponseDecoder refused;
  ASSERT_EQ(refused.next(bytes_of("HTTP/2")).kind, StepKind::error);
  WallTime time;
  ASSERT_TRUE(parse_rfc3339("2026-11-23T18:00:00Z", time));
  ASSERT_TRUE(parse_url("wss://[::1]:8443/mqtt?x=y").ok());
  ASSERT_FALSE(parse_url("wss://a..b/").ok());
  EXPECT_EQ(axonpush::test::allocation_count(), before);
}

}  // namespace
}  // namespace axonpush::http::test
