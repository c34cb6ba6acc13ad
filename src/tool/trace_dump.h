// The flight recorder of a command: `--trace` dumps it as JSON lines on stderr, whenever an error is told and at the
// end.
//
// Thread rule: on_error's calls come on the client's thread; the last dump when the client is gone. So it is declared
// in front of the client, and its destructor tells the rest.
#pragma once

#include <axonpush/trace.h>

#include <cstdio>

namespace axonpush::tool {

class TraceDump {
 public:
  TraceDump() = default;
  TraceDump(const TraceDump&) = delete;
  TraceDump& operator=(const TraceDump&) = delete;
  ~TraceDump() { tell(); }

  // nullptr unless wanted: what is not wanted costs nothing.
  [[nodiscard]] TraceSink* sink() { return wanted ? &recorder_ : nullptr; }
  // What has come since the last time, as far as it is still there.
  void tell() {
    const std::size_t first = recorder_.total() - recorder_.size();
    if (told_ < first) std::fprintf(stderr, "{\"kind\":\"left_out\",\"number\":%zu}\n", first - told_);
    for (std::size_t at = told_ < first ? first : told_; at < recorder_.total(); ++at) {
      char line[FlightRecorder::kJsonBytes];
      const std::size_t size = FlightRecorder::format_json(recorder_[at - first], line);
      std::fprintf(stderr, "%.*s\n", static_cast<int>(size), line);
    }
    told_ = recorder_.total();
  }

  bool wanted = false;  // the flag

 private:
  FlightRecorder recorder_;
  std::size_t told_ = 0;
};

}  // namespace axonpush::tool
