// Bytes are operations on a dispatch table: filters are added and removed, topics are matched, and callbacks do the
// same while they are called. A list that is searched runs beside it; every match must be equal to it.
#include <algorithm>
#include <string>
#include <vector>

#include "choices.h"
#include "event/dispatch.h"
#include "support/topic_reference.h"

namespace {

using namespace axonpush;
using fuzz::demand;

constexpr std::string_view kPrefixes[] = {"p", "axonpush/org_1", "", "a/b/c", "+/o", "$s", "axonpush/org_2"};
constexpr std::string_view kPieces[] = {"+",
                                        "+",
                                        "a",
                                        "b",
                                        "",
                                        "chan_100001",
                                        "chan_100002",
                                        "a long name of a segment",
                                        "eightbyt",
                                        "ninebytes",
                                        "sixteen_bytes_16",
                                        "seventeen_bytes17"};

bool filter_valid(std::string_view filter) {
  if (filter.empty() || filter.size() > 65'535 || filter.starts_with("$share/")) return false;
  const std::vector<std::string> levels = reference::levels(filter);
  for (std::size_t at = 0; at < levels.size(); ++at) {
    if (levels[at].find('\0') != std::string::npos) return false;
    if (levels[at].find('#') != std::string::npos && (levels[at] != "#" || at + 1 != levels.size())) return false;
    if (levels[at].find('+') != std::string::npos && levels[at] != "+") return false;
  }
  return reference::utf16(filter).has_value();
}

class Harness {
 public:
  explicit Harness(Bytes input) : choices_(input), table_(HashKey{choices_.word(), 7}) {}

  void run() {
    for (int step = 0; step < 200 && !choices_.empty(); ++step) operate(0);
    for (std::uint32_t at = 0; at < handles_.size(); ++at) demand(table_.contains(handles_[at]) == alive_[at]);
  }

 private:
  std::string some_filter() {
    std::string filter;
    const std::size_t kind = choices_.below(16);
    if (kind == 0) return std::string(choices_.text());
    filter = kPrefixes[choices_.below(std::size(kPrefixes))];
    const std::size_t segments = kind < 3 ? choices_.below(9) : 5;
    for (std::size_t at = 0; at < segments; ++at) {
      filter += '/';
      filter += kPieces[choices_.below(std::size(kPieces))];
    }
    if (kind == 3) filter += "/#";
    return filter;
  }
  std::string some_topic() {
    std::string topic = some_filter();
    for (char& c : topic) {
      if (c == '+' || c == '#') c = 'a';
    }
    return topic;
  }

  void operate(std::size_t depth) {
    switch (choices_.below(8)) {
      case 0:
      case 1:
      case 2:
        return add();
      case 3:
        return remove();
      case 4:
        if (choices_.below(32) == 0) clear();
        return;
      default:
        return match(depth);
    }
  }

  void add() {
    const std::string filter = some_filter();
    const auto value = static_cast<std::uint32_t>(handles_.size());
    const Result<DispatchHandle> handle = table_.add(filter, value);
    demand(handle.ok() == filter_valid(filter));
    if (!handle.ok()) {
      demand(handle.error().code() == Errc::topic_invalid);
      return;
    }
    handles_.push_back(*handle);
    alive_.push_back(true);
    expected_.add(filter, value);
    demand(table_.count(filter) == expected_.count(filter) && table_.size() == expected_.size());
  }
  void remove() {
    if (handles_.empty()) return;
    const std::size_t at = choices_.below(256) % handles_.size();
    demand(table_.remove(handles_[at]) == alive_[at]);
    alive_[at] = false;
    expected_.remove(static_cast<std::uint32_t>(at));
    demand(!table_.remove(handles_[at]));
    demand(table_.size() == expected_.size());
  }
  void clear() {
    demand(table_.clear() == (expected_.size() != 0));
    for (std::uint32_t at = 0; at < handles_.size(); ++at) expected_.remove(at);
    alive_.assign(alive_.size(), false);
    demand(table_.size() == 0 && table_.filter_count() == 0);
  }

  // What is called must have been there when the match began and be there when it is called; what was there all the
  // while must have been called, once.
  void match(std::size_t depth) {
    const std::string topic = some_topic();
    const std::vector<std::uint32_t> before = expected_.match(topic);
    const auto born = static_cast<std::uint32_t>(handles_.size());
    std::vector<std::uint32_t> called;
    table_.match(topic, [&](std::uint32_t value) {
      demand(value < born && alive_[value]);
      called.push_back(value);
      if (depth < 2 && choices_.below(4) == 0) operate(depth + 1);
    });
    std::sort(called.begin(), called.end());
    demand(std::adjacent_find(called.begin(), called.end()) == called.end());
    for (const std::uint32_t value : called) demand(std::binary_search(before.begin(), before.end(), value));
    for (const std::uint32_t value : before) {
      demand(!alive_[value] || std::binary_search(called.begin(), called.end(), value));
    }
  }

  fuzz::Choices choices_;
  DispatchTable table_;
  reference::Dispatcher expected_;
  std::vector<DispatchHandle> handles_;
  std::vector<bool> alive_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1'024) return 0;
  Harness({data, size}).run();
  return 0;
}
