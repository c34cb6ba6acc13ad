// Input: one byte of options, four of a mask key, four that choose the cuts, then frames to write: each a byte of what
// it is, two of its size, and its payload (repeated when the size says more than there is). What is written is what
// the specification says byte for byte, the other side reads back what was meant at any cut, and what it read, written
// again, is the same bytes.
#include "ws_fuzz.h"

namespace axonpush::ws::test {
namespace {

struct Input {
  Bytes left;
  bool long_one_seen = false;  // one is enough, and all that an input has time for
  std::uint8_t byte() {
    if (left.empty()) return 0;
    const std::uint8_t first = left[0];
    left = left.subspan(1);
    return first;
  }
};

struct Message {
  Opcode opcode = Opcode::binary;
  std::string payload;
  std::uint16_t close_code = 0;
};

constexpr std::size_t kMessageCount = 24;
constexpr std::size_t kUsual = 1'024;
constexpr Opcode kOpcodes[] = {Opcode::binary, Opcode::text, Opcode::ping, Opcode::pong, Opcode::close};

std::string payload_of(Input& input, std::size_t size) {
  std::string payload;
  const std::size_t there = input.left.size() < size ? input.left.size() : size;
  payload.append(axonpush::text_of(input.left.first(there)));
  input.left = input.left.subspan(there);
  const std::size_t period = payload.empty() ? 1 : payload.size();
  if (payload.empty() && size != 0) payload.push_back('.');
  while (payload.size() < size) payload.push_back(payload[payload.size() - period]);
  return payload;
}

Message message_of(Input& input) {
  const std::uint8_t what = input.byte();
  Message message;
  message.opcode = kOpcodes[what % 5];
  std::size_t size = input.byte();
  size = size << 8 | input.byte();
  size %= kUsual;
  if ((what & 0x80) != 0) {
    // Around the borders of the length's forms.
    const bool long_one = (size & 8) != 0 && !input.long_one_seen;
    input.long_one_seen = input.long_one_seen || long_one;
    size = size % 8 + (long_one ? 65'533U : 123U);
  }
  const bool control = message.opcode >= Opcode::close;
  if (control) size %= limits::kWsControlPayloadBytes + 1;
  if (message.opcode == Opcode::text) size %= kUsual;
  message.payload = payload_of(input, size);
  if (message.opcode == Opcode::text) {
    message.payload.resize(axonpush::test::Utf8Reference::whole(message.payload));
  }
  if (message.opcode != Opcode::close) return message;
  // RFC 6455 5.5.1: a code and a reason, as close_payload writes them; the slow way to say the same beside it.
  const unsigned high = input.byte();
  const auto code = static_cast<std::uint16_t>(high << 8 | input.byte());
  std::uint8_t body[limits::kWsControlPayloadBytes];
  const std::size_t body_size = close_payload(body, code, message.payload);
  if (!close_code_valid(code)) {
    require(body_size == 0);
    message.payload.clear();
    message.close_code = 1005;
    return message;
  }
  const std::string reason = message.payload.substr(0, limits::kWsControlPayloadBytes - 2);
  message.payload = close_of(code, reason.substr(0, axonpush::test::Utf8Reference::whole(reason)));
  require(axonpush::text_of(Bytes(body, body_size)) == message.payload);
  message.close_code = code;
  return message;
}

// Three ways to write a frame: at once, backwards with the mask in place, and field by field.
std::string written(const Message& message, const std::uint8_t* key) {
  const Bytes payload = bytes_of(message.payload);
  const std::size_t header = header_size(payload.size(), key != nullptr);
  std::vector<std::uint8_t> at_once(header + payload.size());
  require(encode_frame(at_once, message.opcode, payload, key) == at_once.size());
  require(encode_frame(MutableBytes(at_once).first(at_once.size() - 1), message.opcode, payload, key) == 0);

  std::vector<std::uint8_t> backwards(limits::kWsHeaderBytes + payload.size());
  std::uint8_t* const border = backwards.data() + limits::kWsHeaderBytes;
  if (!payload.empty()) std::memcpy(border, payload.data(), payload.size());
  require(header_backwards(border, message.opcode, payload.size(), key) == header);
  if (key != nullptr) mask_in_place({border, payload.size()}, key);
  require(axonpush::text_of(Bytes(border - header, header + payload.size())) == axonpush::text_of(Bytes(at_once)));

  FrameSpec spec;
  spec.opcode = static_cast<unsigned>(message.opcode);
  spec.payload = message.payload;
  spec.masked = key != nullptr;
  if (key != nullptr) spec.mask = std::string(axonpush::text_of(Bytes(key, 4)));
  require(write(spec) == axonpush::text_of(Bytes(at_once)));
  return std::string(axonpush::text_of(Bytes(at_once)));
}

void tell(const Message& message, EventLog& log) {
  switch (message.opcode) {
    case Opcode::ping:
      return log.control("ping", message.payload);
    case Opcode::pong:
      return log.control("pong", message.payload);
    case Opcode::close:
      return log.close(message.close_code,
                       message.payload.empty() ? std::string_view() : std::string_view(message.payload).substr(2));
    default:
      return log.data(message.opcode == Opcode::text, message.payload, true);
  }
}

// What a decoder reads, written again.
std::string again(std::string stream, const DecoderOptions& options, const std::uint8_t* key) {
  FrameDecoder decoder(options);
  MutableBytes rest(reinterpret_cast<std::uint8_t*>(stream.data()), stream.size());
  std::string copy;
  for (;;) {
    const FrameDecoder::Step step = decoder.next(rest);
    using Kind = FrameDecoder::Kind;
    if (step.kind == Kind::need_more) return copy;
    require(step.kind != Kind::error && (step.kind != Kind::data || step.message_end));
    Message message;
    message.payload = std::string(axonpush::text_of(Bytes(step.payload)));
    message.opcode = step.kind == Kind::data   ? step.text ? Opcode::text : Opcode::binary
                     : step.kind == Kind::ping ? Opcode::ping
                     : step.kind == Kind::pong ? Opcode::pong
                                               : Opcode::close;
    if (step.kind == Kind::close && step.close_code != 1005) {
      message.payload = close_of(step.close_code, message.payload);
    }
    copy += written(message, key);
    rest = rest.subspan(step.consumed);
  }
}

int one_input(const std::uint8_t* data, std::size_t size) {
  if (size < 9) return 0;
  DecoderOptions options;
  options.accept_text = true;
  options.role = (data[0] & 1) != 0 ? Role::client : Role::server;
  options.empty_frames_in_a_row_max = kMessageCount + 1;
  const std::uint8_t* const key = options.role == Role::server ? data + 1 : nullptr;
  const std::uint8_t* const choices = data + 5;
  Input input{{data + 9, size - 9}};
  std::string stream;
  EventLog meant;
  for (std::size_t count = 0; count < kMessageCount && !input.left.empty(); ++count) {
    const Message message = message_of(input);
    stream += written(message, key);
    tell(message, meant);
    if (message.opcode == Opcode::close) break;
  }
  const std::string expected = meant.done(stream.size());
  require(run(stream, options, {}) == expected);
  std::vector<std::size_t> cuts;
  for (std::size_t at = 0, turn = 0;; ++turn) {
    // The larger choices leap, so that a long stream is not read byte by byte.
    at += choices[turn % 4] < 128 && stream.size() < 8'192 ? choices[turn % 4] + 1U : choices[turn % 4] * 300U + 1U;
    if (at >= stream.size()) break;
    cuts.push_back(at);
  }
  require(run(stream, options, cuts) == expected);
  require(again(stream, options, key) == stream);
  return 0;
}

}  // namespace
}  // namespace axonpush::ws::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return axonpush::ws::test::one_input(data, size);
}
