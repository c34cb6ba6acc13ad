// Input: a byte that chooses the limits, then a document, read without a reference: what must hold of any answer.
//   - It depends on the document alone, not on what lies around it in memory.
//   - White space around a document changes nothing but the offsets.
//   - A cut object or array is never accepted.
//   - Depth, number of values and size stay within the limits of what was accepted.
//   - A Value made by hand of any bytes is walked to an end, within its bytes.
#include <axonpush/json/reader.h>

#include <memory>
#include <string>
#include <vector>

#include "choices.h"

namespace {

using namespace axonpush;
using fuzz::demand;

bool within(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// Everything that can be read of a value, without recursion; the text need not be JSON.
void read_value(const json::Value& value, std::string_view document, std::vector<std::uint8_t>& scratch) {
  demand(within(value.raw, document));
  bool boolean = false;
  double real = 0;
  std::int64_t integer = 0;
  std::uint64_t unsigned_integer = 0;
  std::string_view text;
  static_cast<void>(value.boolean(boolean));
  static_cast<void>(value.real(real));
  static_cast<void>(value.integer(integer));
  static_cast<void>(value.unsigned_integer(unsigned_integer));
  scratch.resize(value.raw.size());
  if (value.text(scratch, text)) demand(text.size() <= value.raw.size());
}

struct Walked {
  std::size_t values = 0;
  std::size_t depth = 0;
};

Walked walk(const json::Value& root, std::string_view document) {
  std::vector<std::uint8_t> scratch;
  std::vector<json::Cursor> open;
  Walked walked;
  const auto enter = [&](const json::Value& value) {
    ++walked.values;
    read_value(value, document, scratch);
    if (value.kind != json::Kind::object && value.kind != json::Kind::array) return;
    open.emplace_back(value);
    if (open.size() > walked.depth) walked.depth = open.size();
  };
  enter(root);
  // Nonsense may nest as deep as it is long, and each level is walked again by those above: a bound for the fuzzer.
  while (!open.empty() && walked.values < 20'000) {
    json::Member member;
    if (!open.back().next(member)) {
      open.pop_back();
      continue;
    }
    demand(within(member.key, document));
    static_cast<void>(json::key_equals(member, "expiresAt"));
    enter(member.value);
  }
  return walked;
}

std::string judge(std::string_view document, const json::Limits& limits) {
  json::Value root;
  const Error error = json::validate(bytes_of(document), limits, root);
  demand(error.offset() <= document.size());
  std::string said(name_of(error.code()));
  said += ' ';
  said += error.what();
  said += ' ' + std::to_string(error ? error.offset() : 0) + ' ' + std::to_string(static_cast<int>(root.kind));
  if (!error) said += ' ' + std::to_string(root.raw.data() - document.data()) + ' ' + std::to_string(root.raw.size());
  return said;
}

void check_accepted(std::string_view document, const json::Value& root, const json::Limits& limits) {
  const Walked walked = walk(root, document);
  demand(walked.depth <= limits.depth && document.size() <= limits.bytes);
  demand(walked.values <= limits.nodes);
  json::Member few[2];
  std::size_t count = 0, seen = 0;
  const bool object = !json::read_object(bytes_of(document), limits, few, count);
  demand(object == (root.kind == json::Kind::object));
  if (object) {
    json::Cursor cursor(root);
    for (json::Member member; cursor.next(member); ++seen) {
      if (seen < 2) demand(few[seen].key == member.key && few[seen].value.raw == member.value.raw);
    }
    demand(seen == count);
  }
  if (root.kind != json::Kind::object && root.kind != json::Kind::array) return;
  const std::size_t most = root.raw.size() < 200 ? root.raw.size() : 200;
  for (std::size_t cut = 1; cut <= most; ++cut) {
    json::Value none;
    demand(static_cast<bool>(json::validate(bytes_of(root.raw.substr(0, root.raw.size() - cut)), limits, none)));
    demand(!none);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 16'384) return 0;
  json::Limits limits;
  if ((data[0] & 1U) != 0) limits.depth = 3;
  if ((data[0] & 2U) != 0) limits.nodes = 10;
  const std::string_view document = text_of({data + 1, size - 1});
  const std::string said = judge(document, limits);
  for (const char around : {'"', '}', '\\', '9'}) {
    std::string larger(document.size() + 128, around);
    larger.replace(64, document.size(), document);
    demand(judge(std::string_view(larger).substr(64, document.size()), limits) == said);
  }
  json::Value root, padded_root;
  const Error error = json::validate(bytes_of(document), limits, root);
  std::string padded = "\n\t ";
  padded += document;
  padded += " \r ";
  const Error padded_error = json::validate(bytes_of(padded), limits, padded_root);
  demand(padded_error.code() == error.code() && padded_root.kind == root.kind && padded_root.raw == root.raw);
  if (!error) check_accepted(document, root, limits);
  for (const json::Kind kind : {json::Kind::string, json::Kind::number, json::Kind::object, json::Kind::array}) {
    walk({document, kind}, document);
  }
  return 0;
}
