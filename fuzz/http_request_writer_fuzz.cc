// Input: method, target, then names and values, each ended by 0xFF. Whatever a caller asks for, the bytes are exactly
// one request with exactly these fields, or there are none.
#include "http_fuzz.h"

namespace {

using namespace axonpush;
using namespace axonpush::http;
using test::require;

std::vector<std::string> parts_of(std::string_view input) {
  std::vector<std::string> parts(1);
  for (const char byte : input) {
    if (byte == '\xff') {
      parts.emplace_back();
    } else {
      parts.back() += byte;
    }
  }
  return parts;
}

// The slow way to say what may go into a value.
bool value_allowed(const std::string& value) {
  if (value.empty() || value.size() > 4'096 || value.front() == ' ' || value.back() == ' ') return false;
  for (const char byte : value) {
    if (byte < ' ' || byte == 0x7F) return false;  // char is signed: this refuses 0x80 and above as well
  }
  return true;
}

void check_request(const std::vector<std::string>& parts, MutableBytes buffer) {
  RequestWriter writer(buffer);
  std::string expected = "head " + parts[0] + " " + (parts.size() > 1 ? parts[1] : "") + " 1.1\nHost=a\n";
  writer.start(parts[0], parts.size() > 1 ? parts[1] : "");
  writer.header("Host", "a");
  for (std::size_t at = 2; at + 1 < parts.size(); at += 2) {
    writer.header(parts[at], parts[at + 1]);
    if (!value_allowed(parts[at + 1])) require(!writer.ok());
    require(header_value_valid(parts[at + 1]) == value_allowed(parts[at + 1]));
    expected += parts[at] + "=" + parts[at + 1] + "\n";
  }
  writer.finish();
  if (!writer.ok()) return require(writer.written().empty() && writer.error().code() != Errc::none);
  const std::string_view written = text_of(writer.written());
  require(written.size() <= limits::kHttpRequestHeadBytes);
  // One head and nothing behind it; a body may be announced, and more fields than a decoder of ours takes.
  const test::EventLog log = test::run<RequestDecoder>(written, RequestContext{}, {}, StreamEnd::orderly);
  if (log.head.empty()) return require(log.error == Errc::http_too_large || log.error == Errc::http_malformed);
  require(log.head == expected);
  require(log.error == Errc::http_truncated || (log.error == Errc::none && log.size == written.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::vector<std::uint8_t> buffer(20 * 1024);
  check_request(parts_of(text_of({data, size})), buffer);
  const std::size_t small = size == 0 ? 0 : data[0];
  const auto exact = std::make_unique<std::uint8_t[]>(small);
  check_request(parts_of(text_of({data, size})), {exact.get(), small});
  return 0;
}
