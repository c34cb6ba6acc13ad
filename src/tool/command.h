// The commands of the tool: one function each, in a file of its own, listed in main.cc.
#pragma once

#include <span>
#include <string_view>

namespace axonpush::tool {

// The words behind the command's name. Answers the exit code: 0 done, 1 failed, 2 wrong usage.
using Arguments = std::span<const std::string_view>;

int decode(Arguments arguments);

// What `decode` knows: each reads its own words (hex or text from arguments or stdin, or `--jsonl`).
int decode_mqtt(Arguments arguments);
int decode_ws(Arguments arguments);
int decode_http(Arguments arguments);
int decode_json(Arguments arguments);

int topic(Arguments arguments);
int demo(Arguments arguments);
int serve(Arguments arguments);
int listen(Arguments arguments);
int publish(Arguments arguments);
int doctor(Arguments arguments);
int ping(Arguments arguments);
int completion(Arguments arguments);

}  // namespace axonpush::tool
