// The endpoint of the Autobahn suite, without a socket: sends every message back with its type, answers pings and
// Closes, and fails the connection as RFC 6455 7.1.7 says.
#pragma once

#include <axonpush/base/entropy.h>
#include <axonpush/ws/frame.h>

#include <string>
#include <vector>

namespace axonpush::ws::test {

class EchoPeer {
 public:
  // A client. With `heard` it sends no message back but gathers them there.
  explicit EchoPeer(Entropy& entropy, std::string* heard = nullptr)
      : decoder_(options()), entropy_(entropy), heard_(heard) {}

  // Takes bytes of the stream; what is to be sent gathers in `output`.
  void feed(std::string_view bytes) {
    if (done_) return;  // RFC 6455 5.5.1: nothing counts behind a Close
    // What is left over is an incomplete header or control frame; payload is consumed as it comes.
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    MutableBytes rest = pending_;
    for (;;) {
      const FrameDecoder::Step step = decoder_.next(rest);
      if (step.kind == FrameDecoder::Kind::need_more || done_) break;
      take(step);
      rest = rest.subspan(step.consumed);
    }
    pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }

  std::string output;
  // A Close has been sent: nothing more is, and the connection is to be ended.
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  static DecoderOptions options() {
    DecoderOptions options;
    options.accept_text = true;
    return options;
  }

  void take(const FrameDecoder::Step& step) {
    using Kind = FrameDecoder::Kind;
    const Bytes payload = step.payload;
    switch (step.kind) {
      case Kind::data:
        message_.append(axonpush::text_of(payload));
        if (!step.message_end) return;
        if (heard_ != nullptr) {
          *heard_ += message_;
        } else {
          send(step.text ? Opcode::text : Opcode::binary, bytes_of(message_));
        }
        message_.clear();
        return;
      case Kind::ping:
        return send(Opcode::pong, payload);  // RFC 6455 5.5.3: with its payload
      case Kind::close:
        return close(step.close_code);  // RFC 6455 5.5.1: echoes the code
      case Kind::error:
        failed_ = true;
        return close(close_code_of(step.rule));
      default:
        return;
    }
  }
  void close(std::uint16_t code) {
    std::uint8_t payload[limits::kWsControlPayloadBytes];
    const std::size_t size = close_payload(payload, code, {});
    send(Opcode::close, {payload, size});
    done_ = true;
  }
  void send(Opcode opcode, Bytes payload) {
    std::uint8_t key[4] = {};
    if (!entropy_.fill(key)) {
      done_ = failed_ = true;
      return;
    }
    const std::size_t before = output.size();
    output.resize(before + header_size(payload.size(), true) + payload.size());
    const MutableBytes into(reinterpret_cast<std::uint8_t*>(output.data()) + before, output.size() - before);
    if (encode_frame(into, opcode, payload, key) != into.size()) __builtin_trap();
  }

  FrameDecoder decoder_;
  Entropy& entropy_;
  std::vector<std::uint8_t> pending_;
  std::string message_;
  std::string* heard_;
  bool done_ = false;
  bool failed_ = false;
};

}  // namespace axonpush::ws::test
