// How `decode mqtt` shows a packet: readably, and as the "fields" of a JSON line.
#pragma once

#include <axonpush/mqtt/packet.h>

#include "tool/json_lines.h"

namespace axonpush::tool {

void print_packet(const mqtt::Packet& packet, std::size_t size, std::FILE* into);
// One JSON object: {"packet_id":1,"reason_code":0,"properties":{...}} and so on.
void write_fields(const mqtt::Packet& packet, JsonOut& out);

}  // namespace axonpush::tool
