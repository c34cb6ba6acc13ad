// RFC 6455 frames: decoded in place, at any split; encoded with the header written backwards into headroom and the mask
// applied in place or fused with a copy.
//
// Lifetime: the data of a step points into the bytes given to `next`. Thread rule: one decoder, one thread.
#pragma once

#include <axonpush/base/bytes.h>
#include <axonpush/base/error.h>
#include <axonpush/limits.h>

namespace axonpush::inline v0::ws {

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

// Who reads: a client refuses masked frames, a server refuses unmasked ones (RFC 6455 5.1).
enum class Role : std::uint8_t {
  client,
  server
};

// Which rule a frame broke; each has a row in a table: text, clause, close code.
enum class Rule : std::uint8_t;

struct DecoderOptions {
  Role role = Role::client;
  bool accept_text = false;  // MQTT is binary only ([MQTT-6.0.0-1]): text fails with 1003
  std::uint64_t frame_payload_bytes_max = limits::kWsFramePayloadBytes;
  // 0: neither a sum nor fragments are counted, the message is a byte stream that something above bounds.
  std::uint64_t message_bytes_max = limits::kWsMessageBytes;
  std::uint32_t fragment_count_max = limits::kWsFragmentCount;
  std::uint32_t empty_frames_in_a_row_max = limits::kWsEmptyFramesInARow;  // of data; the one that reaches it fails
};

class FrameDecoder {
 public:
  enum class Kind : std::uint8_t {
    need_more,  // nothing (more) to take from the input; behind a Close all of it is passed over
    data,  // `payload`: the next bytes of the message, unmasked in place (may be empty); text is well-formed so far
    ping,  // `payload`: up to 125 bytes
    pong,
    close,  // `close_code` (1005 when absent), `payload`: the reason. Nothing after it counts.
    error,  // sticks; `rule` says why, close_code_of(rule) what to fail the connection with
  };
  struct Step {
    Kind kind = Kind::need_more;
    Rule rule{};
    bool text = false;         // data: of a text message
    bool message_end = false;  // data: the message ends with this payload (which may be empty)
    std::uint16_t close_code = 0;
    std::size_t consumed =
        0;  // bytes of the input that are done with: header and payload; before an error, those still right
    std::size_t need = 0;  // need_more: bytes the next step needs in all, at least
    MutableBytes payload;  // lies within the consumed bytes
  };

  FrameDecoder() noexcept : FrameDecoder(DecoderOptions{}) {}
  explicit FrameDecoder(const DecoderOptions& options) noexcept;

  // Takes the next step from the front of `input`: at most one frame header and what is there of its payload (control
  // frames come whole). Call again with the rest until need_more. The steps are the same however the stream was cut,
  // but for where a payload is divided: ill-formed text is handed out up to the byte that makes it so, and fails there.
  [[nodiscard]] Step next(MutableBytes input) noexcept {
    // What a broker sends nearly always: a whole binary message in one frame, all of it there. Everything else goes the
    // long way. The one object that is returned is filled in where the caller has it: copying it would wait for what
    // was just written.
    Step step;
    if (slow_ == 0 && input.size() >= 4 && input[0] == 0x82) {
      std::size_t size = input[1];
      std::size_t header = 2;
      if (size == 126) {
        size = load_be16(input.data() + 2);
        header = size < 126 ? input.size() : 4;  // RFC 6455 5.2: not the smallest form, and nothing is left to fit into
      } else if (size > 126) {
        size = 0;
      }
      // `size - 1` turns an empty frame into the largest number: those are counted.
      if (size - 1 < whole_bytes_max_ && size <= input.size() - header) {
        empty_frames_ = 0;
        step.kind = Kind::data;
        step.message_end = true;
        step.consumed = header + size;
        step.payload = input.subspan(header, size);
        return step;
      }
    }
    step = next_slow(input);
    return step;
  }

 private:
  // What keeps `next` from its short way.
  enum Slow : std::uint8_t {
    kServer = 1,     // frames are masked
    kInPayload = 2,  // of a data frame: payload_left_ bytes of it are to come
    kInMessage = 4,  // its last frame has not ended
    kClosed = 8,
    kFailed = 16,
  };
  struct Head;

  [[nodiscard]] Step next_slow(MutableBytes input) noexcept;
  [[nodiscard]] Step next_head(MutableBytes input) noexcept;
  [[nodiscard]] Step take_control(const Head& head, MutableBytes input) noexcept;
  [[nodiscard]] Step take_payload(MutableBytes input, std::size_t header) noexcept;
  [[nodiscard]] Step take_text(Step step) noexcept;
  void leave_payload(bool message_end) noexcept;
  [[nodiscard]] Rule judge_first(std::uint8_t first) const noexcept;
  [[nodiscard]] Rule judge_second(const Head& head) const noexcept;
  [[nodiscard]] Rule judge_length(const Head& head) const noexcept;
  [[nodiscard]] Step fail(Rule rule) noexcept;
  [[nodiscard]] bool server() const noexcept { return (slow_ & kServer) != 0; }

  DecoderOptions options_;
  std::uint64_t whole_bytes_max_ = 0;  // what both limits leave to a message of one frame
  std::uint64_t payload_left_ = 0;
  std::uint64_t message_bytes_ = 0;
  std::uint32_t fragments_ = 0;
  std::uint32_t empty_frames_ = 0;
  std::uint8_t mask_[4] = {};
  std::uint8_t mask_at_ = 0;     // the byte of the key that masks the next byte of the payload
  std::uint8_t utf8_state_ = 0;  // of Utf8Stream: the character that the last payload left open
  std::uint8_t slow_ = 0;        // of Slow
  Rule failed_{};
  bool text_ = false;
  bool final_ = false;
};

[[nodiscard]] std::string_view text_of(Rule rule) noexcept;
[[nodiscard]] std::string_view clause_of(Rule rule) noexcept;
[[nodiscard]] std::uint16_t close_code_of(Rule rule) noexcept;
[[nodiscard]] Error error_of(Rule rule) noexcept;

// RFC 6455 7.4: may this code stand in a Close frame?
[[nodiscard]] bool close_code_valid(std::uint16_t code) noexcept;

// The size of the header that `payload_bytes` needs, the mask key included when `masked`.
[[nodiscard]] constexpr std::size_t header_size(std::uint64_t payload_bytes, bool masked) noexcept {
  return (payload_bytes < 126 ? 2U : payload_bytes < 65'536 ? 4U : 10U) + (masked ? 4U : 0U);
}

// Writes the header of an unfragmented frame into the bytes that end at `end` (kWsHeaderBytes are there) and answers
// how many it took. A client passes the mask key, a server nullptr.
[[nodiscard]] std::size_t header_backwards(std::uint8_t* end, Opcode opcode, std::uint64_t payload_bytes,
                                           const std::uint8_t* mask_key) noexcept;

// A whole frame to the front of `into`: header, then the payload copied and masked. 0 when it does not fit.
[[nodiscard]] std::size_t encode_frame(MutableBytes into, Opcode opcode, Bytes payload,
                                       const std::uint8_t* mask_key) noexcept;
// The payload of a Close frame: code and reason (cut at 123 bytes or in front of the first ill-formed byte, at a
// character's border). Answers its size: 0 for a code that may not be sent, and so for 1005, which stands for none.
[[nodiscard]] std::size_t close_payload(MutableBytes into, std::uint16_t code, std::string_view reason) noexcept;

// XOR with the four-byte key, repeated from its byte `phase` on (RFC 6455 5.3). `mask_copy` reads `from` and writes
// `into` in one pass; the two do not overlap.
void mask_in_place(MutableBytes data, const std::uint8_t* mask_key, unsigned phase = 0) noexcept;
void mask_copy(std::uint8_t* into, Bytes from, const std::uint8_t* mask_key, unsigned phase = 0) noexcept;

}  // namespace axonpush::inline v0::ws
