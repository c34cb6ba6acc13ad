// Bytes choose what is written: containers, keys, texts, numbers, raw values. Asserted: the reference reads back
// exactly what was written; it fits into the room it took and into no byte less; what cannot be written is refused,
// sticks, and nothing of it gets out. A second part takes the bytes as a document and writes what the reader reads of
// it again.
#include <axonpush/json/reader.h>
#include <axonpush/json/writer.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "choices.h"
#include "support/json_reference.h"

namespace {

using namespace axonpush;
using fuzz::Choices;
using fuzz::demand;
using test::JsonReference;
using test::JsonTree;

// What the writer must end with, beside the tree that it must read back as.
struct Expected {
  JsonTree tree;
  json::Writer::Failure failure = json::Writer::Failure::none;
};

class Composer {
 public:
  Composer(Choices choices, json::Writer& writer) : choices_(choices), writer_(writer) {}

  Expected compose() {
    value(expected_.tree, 0);
    return std::move(expected_);
  }

 private:
  void note(json::Writer::Failure failure) {
    if (expected_.failure == json::Writer::Failure::none) expected_.failure = failure;
  }
  const std::string& written(const std::string& text) {
    if (!JsonReference::well_formed_utf8(text)) note(json::Writer::Failure::invalid_utf8);
    return text;
  }
  void value(JsonTree& tree, std::size_t depth) {
    switch (choices_.below(depth < 8 ? 9 : 7)) {
      case 0:
        return writer_.null();
      case 1:
        tree.kind = JsonTree::Kind::boolean;
        tree.boolean = (choices_.byte() & 1U) != 0;
        return writer_.boolean(tree.boolean);
      case 2: {
        tree.kind = JsonTree::Kind::string;
        tree.text = choices_.text();
        const std::size_t before = writer_.size();
        writer_.string(written(tree.text));
        if (writer_.ok()) demand(writer_.size() - before <= json::string_size(tree.text) + 1);
        return;
      }
      case 3: {
        tree.kind = JsonTree::Kind::number;
        const auto number = static_cast<std::int64_t>(choices_.word());
        tree.text = std::to_string(number);
        return writer_.integer(number);
      }
      case 4: {
        tree.kind = JsonTree::Kind::number;
        const std::uint64_t number = choices_.word();
        tree.text = std::to_string(number);
        return writer_.unsigned_integer(number);
      }
      case 5:
        return real(tree);
      case 6:
        tree.kind = JsonTree::Kind::array;  // raw("[ ]")
        return writer_.raw("[ ]");
      case 7:
        return array(tree, depth);
      default:
        return object(tree, depth);
    }
  }
  void real(JsonTree& tree) {
    tree.kind = JsonTree::Kind::number;
    const std::uint64_t bits = choices_.word();
    std::memcpy(&tree.number, &bits, sizeof bits);
    if (!std::isfinite(tree.number)) note(json::Writer::Failure::invalid_number);
    tree.text = "real";
    writer_.real(tree.number);
  }
  void array(JsonTree& tree, std::size_t depth) {
    tree.kind = JsonTree::Kind::array;
    writer_.begin_array();
    for (std::size_t left = choices_.below(5); left != 0 && !choices_.empty(); --left) {
      tree.items.emplace_back();
      value(tree.items.back(), depth + 1);
    }
    writer_.end_array();
  }
  void object(JsonTree& tree, std::size_t depth) {
    tree.kind = JsonTree::Kind::object;
    writer_.begin_object();
    for (std::size_t left = choices_.below(5); left != 0 && !choices_.empty(); --left) {
      tree.keys.emplace_back(choices_.text());
      if (choices_.below(8) == 7) {
        // Left out as a whole when empty.
        const std::string chosen(choices_.text());
        writer_.optional_string(tree.keys.back(), chosen);
        if (chosen.empty()) {
          tree.keys.pop_back();
        } else {
          static_cast<void>(written(tree.keys.back()));
          tree.items.emplace_back();
          tree.items.back().kind = JsonTree::Kind::string;
          tree.items.back().text = written(chosen);
        }
        continue;
      }
      writer_.key(written(tree.keys.back()));
      tree.items.emplace_back();
      value(tree.items.back(), depth + 1);
    }
    writer_.end_object();
  }

  Choices choices_;
  json::Writer& writer_;
  Expected expected_;
};

void demand_same(const JsonTree& wanted, const JsonTree& read) {
  demand(wanted.kind == read.kind && wanted.boolean == read.boolean && wanted.keys == read.keys);
  demand(wanted.items.size() == read.items.size());
  if (wanted.kind == JsonTree::Kind::string) demand(wanted.text == read.text);
  if (wanted.kind == JsonTree::Kind::number) {
    if (wanted.text == "real") {
      demand(std::memcmp(&wanted.number, &read.number, sizeof(double)) == 0);
    } else {
      demand(wanted.text == read.text);
    }
  }
  for (std::size_t at = 0; at < wanted.items.size(); ++at) demand_same(wanted.items[at], read.items[at]);
}

void write_choices(Bytes input) {
  const std::size_t room = input.size() * 8 + 4'096;
  const auto memory = std::make_unique<std::uint8_t[]>(room);
  json::Writer writer({memory.get(), room});
  const Expected expected = Composer(Choices(input), writer).compose();
  demand(writer.failure() == expected.failure);
  if (!writer.ok()) return;
  JsonTree read;
  demand(JsonReference::parse(writer.view(), read) == JsonReference::Verdict::valid);
  demand_same(expected.tree, read);
  const std::size_t size = writer.size();
  for (std::size_t less = 0; less < 3 && less <= size; ++less) {
    const auto exact = std::make_unique<std::uint8_t[]>(size - less);
    json::Writer tight({exact.get(), size - less});
    static_cast<void>(Composer(Choices(input), tight).compose());
    demand(tight.failure() == (less == 0 ? json::Writer::Failure::none : json::Writer::Failure::does_not_fit));
    demand(tight.size() <= size - less);
    if (less == 0) demand(tight.view() == writer.view());
  }
}

// What was read is written again: strings with their escapes undone and done anew, numbers as doubles.
void write_again(const json::Value& value, json::Writer& writer, std::vector<std::uint8_t>& scratch) {
  bool boolean = false;
  double real = 0;
  std::string_view text;
  switch (value.kind) {
    case json::Kind::boolean:
      demand(value.boolean(boolean));
      return writer.boolean(boolean);
    case json::Kind::number:
      demand(value.real(real));
      return writer.real(real);
    case json::Kind::string:
      scratch.resize(value.raw.size());
      demand(value.text(scratch, text));
      return writer.string(text);
    case json::Kind::array:
      writer.begin_array();
      break;
    case json::Kind::object:
      writer.begin_object();
      break;
    default:
      return writer.null();
  }
  json::Cursor cursor(value);
  for (json::Member member; cursor.next(member);) {
    if (value.kind == json::Kind::object) {
      scratch.resize(member.key.size());
      demand(json::unescape(member.key, scratch, text));
      writer.key(text);
    }
    write_again(member.value, writer, scratch);
  }
  value.kind == json::Kind::object ? writer.end_object() : writer.end_array();
}

void demand_same_values(const JsonTree& wanted, const JsonTree& read) {
  demand(wanted.kind == read.kind && wanted.boolean == read.boolean && wanted.keys == read.keys);
  demand(std::memcmp(&wanted.number, &read.number, sizeof(double)) == 0);
  demand(wanted.items.size() == read.items.size());
  if (wanted.kind == JsonTree::Kind::string) demand(wanted.text == read.text);
  for (std::size_t at = 0; at < wanted.items.size(); ++at) demand_same_values(wanted.items[at], read.items[at]);
}

void write_document(Bytes document) {
  json::Value root;
  if (document.size() > 4'096 || json::validate(document, {}, root)) return;
  // A double takes at most 24 bytes, a character of a string at most six.
  std::vector<std::uint8_t> room(document.size() * 24 + 24), scratch;
  json::Writer writer(room);
  write_again(root, writer, scratch);
  demand(writer.ok());
  JsonTree wanted, read;
  demand(JsonReference::parse(text_of(document), wanted) == JsonReference::Verdict::valid);
  demand(JsonReference::parse(writer.view(), read) == JsonReference::Verdict::valid);
  demand_same_values(wanted, read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 8'192) return 0;
  const Bytes rest(data + 1, size - 1);
  (data[0] & 1U) != 0 ? write_document(rest) : write_choices(rest);
  return 0;
}
