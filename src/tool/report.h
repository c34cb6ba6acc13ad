// The doctor's report: one step after the other, timed, ticked or crossed with the reason and a hint; for people or as
// one JSON object a line.
#pragma once

#include <axonpush/base/error.h>
#include <axonpush/base/time.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::tool {

class Report {
 public:
  enum class Form : std::uint8_t {
    text,
    json
  };
  explicit Report(Form form);

  // The clock starts. On a terminal the step is shown as under way until it is told.
  void begin(std::string_view step);
  // `notes` are lines of their own below it.
  void pass(std::string_view detail, const std::vector<std::string>& notes = {});
  void fail(const Error& error, std::string_view hint, const std::vector<std::string>& notes = {});
  // A step that was not reached, or is not needed.
  void skip(std::string_view step, std::string_view why);
  // The last line. Answers whether every step passed.
  bool finish();

 private:
  void print(std::string_view mark, std::string_view colour, std::string_view detail,
             const std::vector<std::string>& notes);

  Form form_;
  bool terminal_;
  std::string step_;
  std::string failed_step_;
  Instant started_;
  Duration taken_;
  Duration total_;
  unsigned passed_ = 0;
  bool failed_ = false;
};

}  // namespace axonpush::tool
