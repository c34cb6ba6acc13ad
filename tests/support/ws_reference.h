// Slow, obvious WebSocket: frames written down field by field, and a decoder that copies everything and reads the
// specification in order. What it says is an event log in text, which FrameDecoder's steps are turned into as well.
#pragma once

#include <axonpush/ws/frame.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/utf8_reference.h"
#include "ws/rule.h"

namespace axonpush::ws::test {

// --- Writing

enum class LengthForm : std::uint8_t {
  smallest,
  bits_7,
  bits_16,
  bits_64
};

struct FrameSpec {
  unsigned opcode = 2;
  std::string payload;
  bool fin = true;
  unsigned rsv = 0;  // 3 bits
  bool masked = false;
  std::string mask = std::string("\x37\xFA\x21\x3D", 4);
  LengthForm form = LengthForm::smallest;
  bool claims = false;  // the header says `claimed` bytes, whatever there are
  std::uint64_t claimed = 0;
};

inline std::string write(const FrameSpec& spec) {
  std::string bytes;
  const std::uint64_t length = spec.claims ? spec.claimed : spec.payload.size();
  LengthForm form = spec.form;
  if (form == LengthForm::smallest) {
    form = length < 126 ? LengthForm::bits_7 : length < 65'536 ? LengthForm::bits_16 : LengthForm::bits_64;
  }
  bytes.push_back(static_cast<char>((spec.fin ? 0x80 : 0) | spec.rsv << 4 | spec.opcode));
  const unsigned masked = spec.masked ? 0x80 : 0;
  if (form == LengthForm::bits_7) {
    bytes.push_back(static_cast<char>(masked | length));
  } else {
    bytes.push_back(static_cast<char>(masked | (form == LengthForm::bits_16 ? 126U : 127U)));
    for (int byte = form == LengthForm::bits_16 ? 1 : 7; byte >= 0; --byte) {
      bytes.push_back(static_cast<char>(length >> (8 * byte)));
    }
  }
  if (spec.masked) bytes += spec.mask;
  for (std::size_t at = 0; at < spec.payload.size(); ++at) {
    bytes.push_back(spec.masked ? static_cast<char>(spec.payload[at] ^ spec.mask[at % 4]) : spec.payload[at]);
  }
  return bytes;
}
inline std::string frame(unsigned opcode, std::string_view payload = {}, bool fin = true) {
  FrameSpec spec;
  spec.opcode = opcode;
  spec.payload = payload;
  spec.fin = fin;
  return write(spec);
}
inline std::string masked_frame(unsigned opcode, std::string_view payload = {}, bool fin = true) {
  FrameSpec spec;
  spec.opcode = opcode;
  spec.payload = payload;
  spec.fin = fin;
  spec.masked = true;
  return write(spec);
}
// The payload of a Close frame.
inline std::string close_of(unsigned code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code)} + std::string(reason);
}

// --- Reading

// "binary[..]" and "text[..]" hold the bytes up to whatever comes next, "end" ends a message.
class EventLog {
 public:
  void data(bool text, std::string_view bytes, bool message_end) {
    if (!bytes.empty() && !in_data_) {
      text_ += text ? "text[" : "binary[";
      in_data_ = true;
    }
    text_ += bytes;
    if (!message_end) return;
    settle();
    text_ += text ? "end text " : "end binary ";
  }
  void control(std::string_view kind, std::string_view bytes) {
    settle();
    text_.append(kind).append("(").append(bytes).append(") ");
  }
  void close(std::uint16_t code, std::string_view reason) {
    settle();
    text_.append("close ").append(std::to_string(code)).append("(").append(reason).append(") ");
  }
  void error(Rule rule) {
    settle();
    text_.append("error ").append(text_of(rule)).append(" ");
  }
  // `consumed` of the whole input are done with.
  [[nodiscard]] std::string done(std::size_t consumed) {
    settle();
    return text_ + "@" + std::to_string(consumed);
  }

 private:
  void settle() {
    if (in_data_) text_ += "] ";
    in_data_ = false;
  }
  std::string text_;
  bool in_data_ = false;
};

// Decodes what there is of a stream, from its first byte.
class ReferenceDecoder {
 public:
  ReferenceDecoder(std::string_view input, const DecoderOptions& options) : input_(input), options_(options) {}

  std::string run() {
    while (!stopped_ && one_frame()) {
    }
    return log_.done(at_);
  }

 private:
  // A byte of the input, if it is there.
  bool byte(std::size_t offset, unsigned& value) const {
    if (at_ + offset >= input_.size()) return false;
    value = static_cast<std::uint8_t>(input_[at_ + offset]);
    return true;
  }
  bool fail(Rule rule) {
    log_.error(rule);
    stopped_ = true;
    return false;
  }

  // False when nothing more can be read.
  bool one_frame() {
    unsigned first = 0;
    if (!byte(0, first)) return false;
    const bool fin = (first & 0x80) != 0;
    const unsigned opcode = first & 0x0F;
    const bool control = opcode >= 8;
    const bool streamed = options_.message_bytes_max == 0;
    if ((first & 0x70) != 0) return fail(Rule::reserved_bits);
    if ((opcode >= 3 && opcode <= 7) || opcode >= 11) return fail(Rule::reserved_opcode);
    if (control && !fin) return fail(Rule::control_fragmented);
    if (opcode == 0 && !in_message_) return fail(Rule::continuation_alone);
    if (opcode == 0 && !streamed && fragments_ >= options_.fragment_count_max) return fail(Rule::too_many_fragments);
    if ((opcode == 1 || opcode == 2) && in_message_) return fail(Rule::message_interleaved);
    if (opcode == 1 && !options_.accept_text) return fail(Rule::text_refused);

    unsigned second = 0;
    if (!byte(1, second)) return false;
    const bool masked = (second & 0x80) != 0;
    if (masked && options_.role == Role::client) return fail(Rule::mask_from_server);
    if (!masked && options_.role == Role::server) return fail(Rule::mask_missing);
    std::uint64_t length = second & 0x7F;
    if (control && length > 125) return fail(Rule::control_too_long);
    if (opcode == 8 && length == 1) return fail(Rule::close_one_byte);

    std::size_t header = 2;
    const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (length_bytes != 0) length = 0;
    for (std::size_t index = 0; index < length_bytes; ++index) {
      unsigned value = 0;
      if (!byte(header++, value)) return false;
      length = length << 8 | value;
    }
    if (!control) {
      if (length >= std::uint64_t{1} << 63) return fail(Rule::length_top_bit);
      if (length_bytes == 2 && length < 126) return fail(Rule::length_not_minimal);
      if (length_bytes == 8 && length < 65'536) return fail(Rule::length_not_minimal);
      if (length > options_.frame_payload_bytes_max) return fail(Rule::frame_too_big);
      const std::uint64_t before = opcode == 0 ? message_bytes_ : 0;
      // 2^63 - 1 twice still fits into 64 bits.
      if (!streamed && before + length > options_.message_bytes_max) return fail(Rule::message_too_big);
      if (length == 0 && empty_frames_ + 1 >= options_.empty_frames_in_a_row_max) {
        return fail(Rule::too_many_empty_frames);
      }
    }
    unsigned mask[4] = {};
    if (masked) {
      for (unsigned& part : mask) {
        if (!byte(header++, part)) return false;
      }
    }
    std::string payload;
    for (std::size_t index = 0; index < length; ++index) {
      unsigned value = 0;
      if (!byte(header + index, value)) break;
      payload.push_back(static_cast<char>(value ^ mask[index % 4]));
    }
    return control ? take_control(opcode, length, header, payload) : take_data(opcode, fin, length, header, payload);
  }

  bool take_control(unsigned opcode, std::uint64_t length, std::size_t header, const std::string& payload) {
    if (payload.size() < length) return false;
    if (opcode == 9) log_.control("ping", payload);
    if (opcode == 10) log_.control("pong", payload);
    if (opcode == 8) {
      unsigned code = 1005;
      std::string reason;
      if (!payload.empty()) {
        code = static_cast<std::uint8_t>(payload[0]) * 256U + static_cast<std::uint8_t>(payload[1]);
        reason = payload.substr(2);
        const bool in_protocol = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
        if (!in_protocol && (code < 3000 || code > 4999)) return fail(Rule::close_code_invalid);
        if (!axonpush::test::Utf8Reference::valid(reason)) return fail(Rule::close_reason_ill_formed);
      }
      log_.close(static_cast<std::uint16_t>(code), reason);
      stopped_ = true;
      at_ = input_.size();  // whatever follows is passed over
      return false;
    }
    at_ += header + payload.size();
    return true;
  }

  bool take_data(unsigned opcode, bool fin, std::uint64_t length, std::size_t header, const std::string& payload) {
    if (opcode != 0) {
      in_message_ = true;
      text_ = opcode == 1;
      message_.clear();
      message_bytes_ = 0;
      fragments_ = 0;
    }
    message_bytes_ += length;
    ++fragments_;
    empty_frames_ = length == 0 ? empty_frames_ + 1 : 0;
    const bool whole = payload.size() == length;
    const std::size_t before = message_.size();
    message_ += payload;
    if (text_) {
      std::size_t good = axonpush::test::Utf8Reference::fed(message_);
      if (good == message_.size() && whole && fin && !axonpush::test::Utf8Reference::valid(message_)) {
        // A character is open at the end of the message: its last byte is at fault, or the header of an empty frame.
        good = payload.empty() ? before : good - 1;
        log_.data(true, message_.substr(before, good - before), false);
        at_ += header + (good - before);
        return fail(Rule::text_ill_formed);
      }
      if (good != message_.size()) {
        log_.data(true, message_.substr(before, good - before), false);
        at_ += header + (good - before);
        return fail(Rule::text_ill_formed);
      }
    }
    log_.data(text_, payload, whole && fin);
    at_ += header + payload.size();
    if (!whole) return false;
    if (fin) in_message_ = false;
    return true;
  }
  std::string_view input_;
  DecoderOptions options_;
  EventLog log_;
  std::string message_;
  std::size_t at_ = 0;
  std::uint64_t message_bytes_ = 0;
  std::uint64_t fragments_ = 0;
  std::uint64_t empty_frames_ = 0;
  bool in_message_ = false;
  bool text_ = false;
  bool stopped_ = false;
};

inline std::string reference_log(std::string_view input, const DecoderOptions& options) {
  return ReferenceDecoder(input, options).run();
}

}  // namespace axonpush::ws::test
