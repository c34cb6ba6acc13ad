#include <axonpush/trace.h>

#include <axonpush/mqtt/reason.h>
#include <axonpush/options.h>
#include <axonpush/refresh.h>

#include "base/text_writer.h"

namespace axonpush::inline v0 {

namespace {

// Empty for a number that stands for nothing: whoever makes a record by hand may put anything there.
std::string_view name_of_number(const TraceRecord& record) noexcept {
  const std::uint32_t number = record.number;
  switch (record.kind) {
    case TraceKind::packet_in:
    case TraceKind::packet_out:
      return number >= 1 && number <= 15 ? name_of(static_cast<mqtt::PacketType>(number)) : std::string_view();
    case TraceKind::state:
      return number <= static_cast<std::uint32_t>(ConnectionState::closed)
                 ? name_of(static_cast<ConnectionState>(number))
                 : std::string_view();
    case TraceKind::input:
      return number < refresh::kInputKindCount ? name_of(static_cast<refresh::InputKind>(number)) : std::string_view();
    case TraceKind::swap_step:
      return number < refresh::kPhaseCount ? name_of(static_cast<refresh::Phase>(number)) : std::string_view();
    default:
      return {};
  }
}

}  // namespace

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
  const std::string_view what = name_of_number(record);
  if (!what.empty()) {
    writer.text(",\"what\":\"");
    writer.text(what);
    writer.text("\"");
  }
  writer.text(",\"size\":");
  writer.number(record.size);
  writer.text(",\"error\":\"");
  writer.text(name_of(record.error));
  writer.text("\"}");
  return writer.size() == into.size() ? 0 : writer.size();
}

}  // namespace axonpush::inline v0
