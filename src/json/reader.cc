#include <axonpush/json/reader.h>

#include <atomic>

#include "base/utf8.h"
#include "json/number.h"
#include "json/walk.h"

namespace axonpush::inline v0::json {

namespace {

void choose_and_walk(const Task& task, Findings& findings) noexcept;

// The variant for this processor; the first call puts it there. Two threads may both do so, with the same result.
constinit std::atomic<Walk> walk_chosen{choose_and_walk};

void choose_and_walk(const Task& task, Findings& findings) noexcept {
  Walk chosen = scalar::walk;
#if defined(__x86_64__)
  chosen = avx2::available() ? avx2::walk : sse2::walk;
#endif
  walk_chosen.store(chosen, std::memory_order_relaxed);
  chosen(task, findings);
}

struct FaultText {
  Errc code;
  const char* what;
  const char* clause;
};
constexpr FaultText kFaultTexts[] = {
    {Errc::none, "", ""},
    {Errc::json_invalid, "the document is empty", "RFC 8259 2"},
    {Errc::json_invalid, "the document is cut off", "RFC 8259 2"},
    {Errc::json_invalid, "a byte that the grammar has no place for", "RFC 8259 2"},
    {Errc::json_invalid, "the document is not an object", "RFC 8259 4"},
    {Errc::json_invalid, "something stands behind the document", "RFC 8259 2"},
    {Errc::json_invalid, "a control character in a string", "RFC 8259 7"},
    {Errc::json_invalid, "an escape that does not exist", "RFC 8259 7"},
    {Errc::json_invalid, "an unpaired surrogate", "RFC 8259 8.2"},
    {Errc::json_invalid, "a malformed number", "RFC 8259 6"},
    {Errc::json_invalid, "a number beyond the range of a double", "RFC 8259 6"},
    {Errc::json_invalid, "a word that is not true, false or null", "RFC 8259 3"},
    {Errc::json_invalid, "ill-formed UTF-8", "RFC 8259 8.1"},
    {Errc::json_too_deep, "nested deeper than the limit", "RFC 8259 9"},
    {Errc::json_too_large, "more values than the limit", "RFC 8259 9"},
    {Errc::json_too_large, "more bytes than the limit", "RFC 8259 9"},
};
static_assert(sizeof kFaultTexts / sizeof kFaultTexts[0] == static_cast<std::size_t>(Fault::too_large) + 1);

[[gnu::cold, gnu::noinline]] Error fault_error(Fault fault, std::size_t offset) noexcept {
  const FaultText& text = kFaultTexts[static_cast<std::size_t>(fault)];
  return Error(text.code, text.what).at(offset).by(text.clause);
}

Error walk_document(Task& task, const Limits& limits, Bytes document, Findings& findings) noexcept {
  if (document.size() > limits.bytes) [[unlikely]]
    return fault_error(Fault::too_large, limits.bytes);
  if (document.empty()) [[unlikely]]
    return fault_error(Fault::empty, 0);
  task.begin = document.data();
  task.end = document.data() + document.size();
  task.depth = limits.depth < kDepthMax ? limits.depth : kDepthMax;
  task.nodes = limits.nodes;
  walk_chosen.load(std::memory_order_relaxed)(task, findings);
  if (findings.fault != Fault::none) [[unlikely]] {
    return fault_error(findings.fault, static_cast<std::size_t>(findings.fault_at - task.begin));
  }
  // RFC 8259 8.1: UTF-8, checked at once where a byte is over 0x7F at all. Outside strings there is none by now, and no
  // character's bytes contain a quote, so the document is well-formed exactly when its strings are.
  if (findings.high_bytes && !utf8_valid(document)) return fault_error(Fault::utf8, Utf8Stream().feed_prefix(document));
  return Error();
}

}  // namespace

Error validate(Bytes document, const Limits& limits, Value& root) noexcept {
  Task task;
  Findings findings;
  Error error = walk_document(task, limits, document, findings);
  root = error ? Value() : findings.root;
  return error;
}

Error read_object(Bytes document, const Limits& limits, std::span<Member> members, std::size_t& count) noexcept {
  Task task;
  task.object_only = true;
  task.members = members.data();
  task.capacity = members.size();
  Findings findings;
  Error error = walk_document(task, limits, document, findings);
  count = error ? 0 : findings.count;
  return error;
}

}  // namespace axonpush::inline v0::json
