#include "loopback_wire.h"

#include <axonpush/ws/frame.h>

#include <unistd.h>

namespace axonpush::bench {

TlsPipe::~TlsPipe() {
  SSL_free(ssl_);
  ::close(descriptor_);
}

bool TlsPipe::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const int put = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

bool PacketReader::fill() {
  packets_.erase(0, taken_);
  taken_ = 0;
  std::string& into = framed_ ? raw_ : packets_;
  const std::size_t before = into.size();
  into.resize(before + 64 * 1024);
  const std::size_t got = pipe_.read(into.data() + before, 64 * 1024);
  into.resize(before + got);
  if (got == 0) return false;
  if (framed_) take_frames();
  return !closed_;
}

void PacketReader::take_frames() {
  std::size_t at = 0;
  while (raw_.size() - at >= 2) {
    auto* const frame = reinterpret_cast<std::uint8_t*>(raw_.data()) + at;
    std::size_t size = frame[1] & 0x7FU;
    std::size_t header = 2;
    if (size == 126) header = 4;
    if (size == 127) header = 10;
    const bool masked = (frame[1] & 0x80U) != 0;
    if (raw_.size() - at < header + (masked ? 4U : 0U)) break;
    if (header == 4) size = load_be16(frame + 2);
    if (header == 10) size = static_cast<std::size_t>(load_be64(frame + 2));
    std::uint8_t* const payload = frame + header + (masked ? 4 : 0);
    const std::size_t whole = header + (masked ? 4U : 0U) + size;
    if (raw_.size() - at < whole) break;
    if (masked) ws::mask_in_place({payload, size}, frame + header);
    const unsigned opcode = frame[0] & 0x0FU;
    if (opcode == 8) closed_ = true;
    if (opcode <= 2) packets_.append(reinterpret_cast<const char*>(payload), size);
    at += whole;
  }
  raw_.erase(0, at);
}

bool PacketReader::next(std::string_view& packet) {
  const std::size_t there = packets_.size() - taken_;
  std::size_t rest = 0;
  const std::size_t bytes =
      remaining_length(reinterpret_cast<const std::uint8_t*>(packets_.data()) + taken_, there, rest);
  if (bytes == 0 || there < 1 + bytes + rest) return false;
  packet = std::string_view(packets_).substr(taken_, 1 + bytes + rest);
  taken_ += packet.size();
  return true;
}

bool PacketReader::wait(std::string_view& packet) {
  while (!next(packet)) {
    if (!fill()) return false;
  }
  return true;
}

}  // namespace axonpush::bench
