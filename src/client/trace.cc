#include <axonpush/trace.h>

#include "base/text_writer.h"

namespace axonpush::inline v0 {

void FlightRecorder::record(const TraceRecord& record) noexcept {
  records_[total_ % kCapacity] = record;
  ++total_;
}

const TraceRecord& FlightRecorder::operator[](std::size_t index) const noexcept {
  const std::size_t oldest = total_ < kCapacity ? 0 : total_ % kCapacity;
  return records_[(oldest + index) % kCapacity];
}

std::size_t FlightRecorder::format_json(const TraceRecord& record, std::span<char> into) noexcept {
  TextWriter writer(into);
  writer.text("{\"at_ns\":");
  writer.number(static_cast<std::uint64_t>(record.at.nanoseconds()));
  writer.text(",\"kind\":\"");
  writer.text(name_of(record.kind));
  writer.text("\",\"connection\":");
  writer.number(record.connection);
  writer.text(",\"number\":");
  writer.number(record.number);
  writer.text(",\"size\":");
  writer.number(record.size);
  writer.text(",\"error\":\"");
  writer.text(name_of(record.error));
  writer.text("\"}");
  return writer.size() == into.size() ? 0 : writer.size();
}

}  // namespace axonpush::inline v0
