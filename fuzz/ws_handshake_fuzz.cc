// Input: one byte of context, four that choose the cuts, then a response, a request, or both sides' bytes as they go
// over a connection. A byte 0xFE stands for the right Sec-WebSocket-Accept, which no fuzzer finds. The head is read by
// the HTTP decoder and judged as the reference judges it, whatever the cuts; what stands behind it is frames, all of
// it.
#include <axonpush/http/http1.h>
#include <axonpush/ws/handshake.h>

#include "support/ws_handshake_reference.h"
#include "ws_fuzz.h"

namespace axonpush::ws::test {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::string_view kOffers[] = {"mqtt, mqttv5.0", "mqtt", "", " , a,,b "};

std::string with_accept(std::string_view input) {
  std::string text;
  for (const char byte : input) {
    if (byte == '\xFE') {
      text += kAccept;
    } else {
      text += byte;
    }
  }
  return text;
}

std::vector<HeaderView> views_of(std::span<const http::Header> headers) {
  std::vector<HeaderView> views;
  for (const http::Header& header : headers) views.push_back({header.name, header.value});
  return views;
}

struct Outcome {
  bool has_head = false;
  Error error;            // of the HTTP decoder, or of the judgement
  std::size_t front = 0;  // where the frames begin, when the handshake passed
  bool operator==(const Outcome& other) const {
    return has_head == other.has_head && error.code() == other.error.code() && error.number() == other.error.number() &&
           error.what() == other.error.what() && front == other.front;
  }
};

Outcome judge(const http::ResponseHead& head, std::string_view offered) {
  const std::vector<HeaderView> headers = views_of(head.headers);
  const ResponseView view{head.status, head.version_minor, headers};
  Outcome outcome{.has_head = true, .error = check_response(view, kKey, offered)};
  require(outcome.error.code() == HandshakeReference::response(view, kAccept, offered));
  return outcome;
}
Outcome judge(const http::RequestHead& head, std::string_view) {
  const std::vector<HeaderView> headers = views_of(head.headers);
  RequestView request;
  Outcome outcome{.has_head = true, .error = check_request(head.method, headers, request)};
  const unsigned status = HandshakeReference::request(head.method, headers);
  require(outcome.error ? outcome.error.number() == status : status == 101);
  require(request.key.empty() == static_cast<bool>(outcome.error));
  if (outcome.error) return outcome;
  // What a server answers to it, a client that sent it takes.
  const Accept accept = accept_of(request.key);
  const HeaderView answer[] = {
      {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", accept.view()}};
  require(!check_response({101, 1, answer}, request.key, {}));
  return outcome;
}

// As a link reads: all there is of the head is looked at again until it is whole.
template <class Decoder>
Outcome read_head(Decoder decoder, std::string_view input, std::string_view offered,
                  const std::vector<std::size_t>& cuts) {
  std::size_t front = 0;
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t end = piece < cuts.size() ? cuts[piece] : input.size();
    for (;;) {
      const auto copy = std::make_unique<std::uint8_t[]>(end - front);
      if (end != front) std::memcpy(copy.get(), input.data() + front, end - front);
      const http::Step step = decoder.next({copy.get(), end - front});
      front += step.consumed;
      if (step.kind == http::StepKind::need_more) break;
      if (step.kind == http::StepKind::error) return {.error = decoder.error()};
      if (step.kind != http::StepKind::head) continue;
      Outcome outcome = judge(decoder.head(), offered);
      if (!outcome.error) outcome.front = front;
      return outcome;
    }
  }
  return {};
}

template <class Decoder>
void check(const Decoder& decoder, std::string_view input, std::string_view offered, const std::uint8_t* choices,
           Role reader) {
  const Outcome whole = read_head(decoder, input, offered, {});
  require(whole == read_head(decoder, input, offered, chosen_cuts(choices, input.size())));
  if (input.size() <= 512) {
    require(whole == read_head(decoder, input, offered, each_byte(input.size())));
  }
  if (whole.error) {
    require(!whole.error.what().empty() && !whole.error.clause().empty());
    return;
  }
  if (!whole.has_head) return;
  // No byte behind the head is lost or taken twice.
  DecoderOptions options;
  options.role = reader;
  const std::string_view frames = input.substr(whole.front);
  require(whole.front >= 4 && input.substr(whole.front - 4, 4) == "\r\n\r\n");
  require(run(frames, options, chosen_cuts(choices, frames.size())) == reference_log(frames, options));
}

int one_input(const std::uint8_t* data, std::size_t size) {
  if (size < 5) return 0;
  const std::string input = with_accept(axonpush::text_of(Bytes(data + 5, size - 5)));
  if ((data[0] & 1) == 0) {
    http::ResponseContext context;
    context.upgrade_requested = true;
    context.limits = {.head_bytes = limits::kWsHandshakeBytes, .body_bytes = SIZE_MAX};
    check(http::ResponseDecoder(context), input, kOffers[data[0] >> 1 & 3], data + 1, Role::client);
  } else {
    check(http::RequestDecoder(), input, {}, data + 1, Role::server);
  }
  return 0;
}

}  // namespace
}  // namespace axonpush::ws::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return axonpush::ws::test::one_input(data, size);
}
