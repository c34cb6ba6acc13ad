// Holds src/json to the slow reference: one document, every variant, every value in it. Shared by tests and fuzzers.
#pragma once

#include <axonpush/json/reader.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "json/walk.h"
#include "support/json_reference.h"

namespace axonpush::test {

struct NamedWalk {
  const char* name;
  json::Walk walk;
};

// Every variant this processor can run, the scalar one first.
inline std::vector<NamedWalk> json_walks() {
  std::vector<NamedWalk> walks{{"scalar", json::scalar::walk}};
#if defined(__x86_64__)
  walks.push_back({"sse2", json::sse2::walk});
  if (json::avx2::available()) walks.push_back({"avx2", json::avx2::walk});
#endif
  return walks;
}

// A copy of exactly the size, so that a sanitizer sees the first byte read past it.
class ExactCopy {
 public:
  explicit ExactCopy(std::string_view text) : bytes_(new std::uint8_t[text.size()]), size_(text.size()) {
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), text.size());
  }
  [[nodiscard]] Bytes bytes() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::string_view text() const { return text_of(bytes()); }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
};

class JsonAgreement {
 public:
  // What the reader and the reference disagree about, or "".
  static std::string check(std::string_view document, json::Limits limits = {}) {
    const ExactCopy copy(document);
    JsonTree tree;
    const auto verdict = JsonReference::parse(document, tree, {limits.bytes, limits.depth, limits.nodes});
    json::Value root;
    const Error error = json::validate(copy.bytes(), limits, root);
    if (error.code() != code_of(verdict)) {
      return "validate says " + std::string(name_of(error.code())) + " (" + std::string(error.what()) + " at " +
             std::to_string(error.offset()) + "), the reference " + std::string(name_of(code_of(verdict)));
    }
    if (error.offset() > document.size()) return "the offset lies outside";
    std::string said = variants(copy, limits);
    if (!said.empty()) return said;
    said = members(copy.bytes(), limits, verdict, tree);
    if (!said.empty() || error) return said;
    return value(root, tree, 0);
  }

  [[nodiscard]] static Errc code_of(JsonReference::Verdict verdict) {
    switch (verdict) {
      case JsonReference::Verdict::valid:
        return Errc::none;
      case JsonReference::Verdict::invalid:
        return Errc::json_invalid;
      case JsonReference::Verdict::too_deep:
        return Errc::json_too_deep;
      case JsonReference::Verdict::too_large:
        return Errc::json_too_large;
    }
    return Errc::internal;
  }

 private:
  // Everything a walk tells, in numbers: positions instead of pointers.
  using Log = std::vector<std::ptrdiff_t>;
  static Log log_of(const ExactCopy& copy, const json::Limits& limits, bool object_only, json::Walk walk) {
    json::Members<8> room;
    json::Task task;
    task.begin = copy.bytes().data();
    task.end = task.begin + copy.bytes().size();
    task.depth = limits.depth;
    task.nodes = limits.nodes;
    task.object_only = object_only;
    task.members = room.room().data();
    task.capacity = room.room().size();
    json::Findings found;
    walk(task, found);
    Log log{static_cast<std::ptrdiff_t>(found.fault)};
    if (found.fault != json::Fault::none) {
      log.push_back(found.fault_at - task.begin);
      return log;
    }
    tell(copy, found.root, log);
    log.push_back(static_cast<std::ptrdiff_t>(found.count));
    // Which bytes a variant looks at between strings is its own affair, but what it must not miss is the same for all.
    if (!found.high_bytes && !ascii(found.root.raw)) log.push_back(-1);
    if (!object_only) return log;
    for (const json::Member& member : room.first(found.count)) {
      log.push_back(member.key.data() - copy.text().data());
      log.push_back(static_cast<std::ptrdiff_t>(member.key.size()));
      log.push_back(member.key_escaped ? 1 : 0);
      tell(copy, member.value, log);
    }
    return log;
  }
  static void tell(const ExactCopy& copy, const json::Value& value, Log& log) {
    log.push_back(value.raw.data() - copy.text().data());
    log.push_back(static_cast<std::ptrdiff_t>(value.raw.size()));
    log.push_back(static_cast<std::ptrdiff_t>(value.kind));
    log.push_back(value.may_have_escapes ? 1 : 0);
  }
  static bool ascii(std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) > 0x7F) return false;
    }
    return true;
  }
  static std::string variants(const ExactCopy& copy, const json::Limits& limits) {
    if (copy.bytes().empty() || copy.bytes().size() > limits.bytes) return "";
    for (const bool object_only : {false, true}) {
      const Log first = log_of(copy, limits, object_only, json::scalar::walk);
      if (first.back() == -1) return "the scalar walk misses a byte over 0x7F";
      for (const NamedWalk& variant : json_walks()) {
        if (log_of(copy, limits, object_only, variant.walk) != first) return std::string(variant.name) + " disagrees";
      }
    }
    return "";
  }

  static std::string members(Bytes document, const json::Limits& limits, JsonReference::Verdict verdict,
                             const JsonTree& tree) {
    std::vector<json::Member> room(tree.items.size() + 3);
    std::size_t count = 0;
    const Error error = json::read_object(document, limits, room, count);
    const bool object = verdict == JsonReference::Verdict::valid && tree.kind == JsonTree::Kind::object;
    if (object != !error) return "read_object and the reference disagree whether it is an object";
    if (!object) return error.culprit() == Culprit::nobody ? "no code" : "";
    if (count != tree.items.size()) return "read_object counts " + std::to_string(count) + " members";
    for (std::size_t at = 0; at < count; ++at) {
      const std::string said = member(room[at], tree, at, 0);
      if (!said.empty()) return "member " + std::to_string(at) + ": " + said;
    }
    return "";
  }

  static std::string member(const json::Member& found, const JsonTree& tree, std::size_t at, std::size_t depth) {
    std::vector<std::uint8_t> scratch(found.key.size());
    std::string_view key;
    if (!json::unescape(found.key, scratch, key) || key != tree.keys[at]) return "another key";
    if (found.key_escaped != (found.key.find('\\') != std::string_view::npos)) return "key_escaped is wrong";
    if (!json::key_equals(found, tree.keys[at])) return "key_equals says no";
    if (json::key_equals(found, tree.keys[at] + "x")) return "key_equals says yes to more";
    if (!tree.keys[at].empty() && json::key_equals(found, tree.keys[at].substr(1)))
      return "key_equals says yes to less";
    return value(found.value, tree.items[at], depth);
  }

  static std::string value(const json::Value& found, const JsonTree& tree, std::size_t depth) {
    if (found.raw != tree.raw) return "raw is '" + std::string(found.raw) + "', expected '" + tree.raw + "'";
    bool boolean = false;
    double real = 0;
    std::int64_t integer = 0;
    std::uint64_t unsigned_integer = 0;
    std::string_view text;
    std::vector<std::uint8_t> scratch(found.raw.size());
    const bool has_boolean = found.boolean(boolean), has_real = found.real(real);
    const bool has_integer = found.integer(integer), has_unsigned = found.unsigned_integer(unsigned_integer);
    const bool has_text = found.text(scratch, text);
    if (has_boolean != (tree.kind == JsonTree::Kind::boolean) || has_real != (tree.kind == JsonTree::Kind::number) ||
        has_text != (tree.kind == JsonTree::Kind::string)) {
      return "another kind";
    }
    if (has_boolean && boolean != tree.boolean) return "another boolean";
    if (has_text && text != tree.text) return "another text";
    if (has_text && found.plain_text(text) != (found.raw.find('\\') == std::string_view::npos)) return "plain is wrong";
    if (has_real && std::memcmp(&real, &tree.number, sizeof real) != 0) return "another number: " + tree.text;
    const bool expects_integer = has_real && spelled_by<std::int64_t>(tree.text);
    if (has_integer != expects_integer || (has_integer && std::to_string(integer) != tree.text)) return "another int64";
    const bool expects_unsigned = has_real && spelled_by<std::uint64_t>(tree.text);
    if (has_unsigned != expects_unsigned || (has_unsigned && std::to_string(unsigned_integer) != tree.text)) {
      return "another uint64";
    }
    return items(found, tree, depth);
  }

  // An integer fits exactly when printing what it reads as gives its text again; -0 does not.
  template <class Integer>
  static bool spelled_by(const std::string& text) {
    if (text.size() > 20) return false;
    if constexpr (std::is_signed_v<Integer>) return std::to_string(std::strtoll(text.c_str(), nullptr, 10)) == text;
    return text[0] != '-' && std::to_string(std::strtoull(text.c_str(), nullptr, 10)) == text;
  }

  static std::string items(const json::Value& found, const JsonTree& tree, std::size_t depth) {
    json::Cursor cursor(found);
    json::Member next;
    for (std::size_t at = 0; at < tree.items.size(); ++at) {
      if (!cursor.next(next)) return "the cursor ends early";
      const bool object = tree.kind == JsonTree::Kind::object;
      if (!object && !next.key.empty()) return "an element with a key";
      // The cursor walks what lies below again at each level: deep trees are looked at down to a few levels only.
      const std::string said = depth >= 8 ? std::string()
                               : object   ? member(next, tree, at, depth + 1)
                                          : value(next.value, tree.items[at], depth + 1);
      if (!said.empty()) return "item " + std::to_string(at) + ": " + said;
    }
    return cursor.next(next) ? "the cursor goes on" : "";
  }
};

}  // namespace axonpush::test
