// axonpush decode KIND ...: picks the decoder.
#include <cstdio>

#include "tool/command.h"

namespace axonpush::tool {

namespace {

struct Decoder {
  std::string_view name;
  int (*run)(Arguments);
};

constexpr Decoder kDecoders[] = {
    {"mqtt", decode_mqtt},
    {"ws", decode_ws},
    {"http", decode_http},
    {"json", decode_json},
};

constexpr char kUsage[] =
    "usage: axonpush decode mqtt|ws|http|json [--jsonl] [INPUT ...]\n"
    "  Judges each input and prints it readably. Inputs are arguments, or stdin when there are none.\n"
    "  --jsonl reads one JSON object a line and prints one a line. axonpush decode KIND --help tells the form.\n";

}  // namespace

int decode(Arguments arguments) {
  if (!arguments.empty()) {
    if (arguments[0] == "--help" || arguments[0] == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    for (const Decoder& decoder : kDecoders) {
      if (decoder.name == arguments[0]) return decoder.run(arguments.subspan(1));
    }
  }
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace axonpush::tool
