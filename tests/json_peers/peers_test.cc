// The reader against implementations that owe it nothing: nlohmann's, simdjson and node's JSON.parse, on the fuzz
// corpora and mutations of them (J-18). Verdicts and values are equal but for differences with a name, which are
// counted; where both accept, the values are equal without exception. Opt-in: AXONPUSH_TEST_PEERS.
#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "json_peers/canonical.h"
#include "json_peers/documents.h"
#include "support/json_reference.h"

namespace axonpush::test {
namespace {

// The canonical value, or nothing where the document is refused.
using Reading = std::optional<std::string>;

struct Ours {
  Reading reading;
  Error error;
};
Ours ours(const std::string& document) {
  json::Value root;
  Error error = json::validate(bytes_of(document), {}, root);
  if (error) return {std::nullopt, error};
  return {canonical(root), Error()};
}

struct Counts {
  std::size_t both_accept = 0;
  std::size_t both_refuse = 0;
  std::map<std::string, std::size_t> explained;
};

// `explain` names the reason for which a verdict differs, or "".
template <class Explain>
void compare(const std::string& document, const Reading& theirs, Explain explain, Counts& counts) {
  const Ours we = ours(document);
  if (we.reading && theirs) {
    ASSERT_EQ(*we.reading, *theirs) << document;
    ++counts.both_accept;
  } else if (!we.reading && !theirs) {
    ++counts.both_refuse;
  } else {
    const std::string reason = explain(document, we);
    ASSERT_NE(reason, "") << (we.reading ? "accepted by us alone: " : "refused by us alone: ") << we.error.what()
                          << '\n'
                          << document;
    ++counts.explained[reason];
  }
}

void report(const char* peer, const Counts& counts) {
  std::size_t explained = 0;
  for (const auto& [reason, count] : counts.explained) explained += count;
  std::printf("%s: %zu documents, both accept (values equal) %zu, both refuse %zu, differ with a reason %zu\n", peer,
              counts.both_accept + counts.both_refuse + explained, counts.both_accept, counts.both_refuse, explained);
  for (const auto& [reason, count] : counts.explained) std::printf("  %s: %zu\n", reason.c_str(), count);
  EXPECT_GT(counts.both_accept, 1'000U);
  EXPECT_GT(counts.both_refuse, 1'000U);
}

const std::vector<std::string>& documents() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> seeds = corpus_documents();
    std::vector<std::string> every = mutations(seeds, 60'000, 20'261'125);
    every.insert(every.end(), seeds.begin(), seeds.end());
    return every;
  }();
  return all;
}

// nlohmann and simdjson read -0 as an integer, which has no sign of zero. True when the values are equal but for that.
bool only_zeros_differ(const std::string& document, const std::string& theirs) {
  const Ours we = ours(document);
  if (!we.reading || *we.reading == theirs) return false;
  std::string left = *we.reading, right = theirs;
  const std::string minus = canonical_number(-0.0), plus = canonical_number(0.0);
  for (std::string* text : {&left, &right}) {
    for (std::size_t at = 0; (at = text->find(minus, at)) != std::string::npos;) text->replace(at, minus.size(), plus);
  }
  return left == right;
}
constexpr char kZeroReason[] = "value: -0 is an integer without a sign there";

bool over_a_limit(const Ours& we) { return we.error.culprit() == Culprit::limit; }
bool begins_with_bom(const std::string& document) { return document.starts_with("\xEF\xBB\xBF"); }
bool beyond_a_double(const Ours& we) { return we.error.what() == "a number beyond the range of a double"; }
bool unpaired(const Ours& we) { return we.error.what() == "an unpaired surrogate"; }

// --- nlohmann

std::string canonical_of(const nlohmann::json& value) {
  switch (value.type()) {
    case nlohmann::json::value_t::boolean:
      return value.get<bool>() ? "t" : "f";
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned:
    case nlohmann::json::value_t::number_float:
      return canonical_number(value.get<double>());
    case nlohmann::json::value_t::string:
      return canonical_string(value.get_ref<const std::string&>());
    case nlohmann::json::value_t::array: {
      std::string items = "[";
      for (const auto& item : value) items += canonical_of(item);
      return items + "]";
    }
    case nlohmann::json::value_t::object: {
      std::map<std::string, std::string> members;
      for (const auto& [key, item] : value.items()) members[key] = canonical_of(item);
      return canonical_object(members);
    }
    default:
      return "0";
  }
}

TEST(JsonPeers, Nlohmann) {
  Counts counts;
  for (const std::string& document : documents()) {
    const nlohmann::json value = nlohmann::json::parse(document, nullptr, false);
    Reading theirs;
    if (!value.is_discarded()) theirs = canonical_of(value);
    if (theirs && only_zeros_differ(document, *theirs)) {
      ++counts.explained[kZeroReason];
      continue;
    }
    compare(
        document, theirs,
        [](const std::string& of, const Ours& we) -> std::string {
          if (over_a_limit(we)) return "a limit of ours";
          if (!we.reading && begins_with_bom(of)) return "skips a byte order mark";
          if (!we.reading && of.find('\0') != std::string::npos) return "takes a NUL for the end";
          return "";
        },
        counts);
    if (HasFatalFailure()) return;
  }
  report("nlohmann", counts);
}

// --- simdjson

std::string canonical_of(simdjson::dom::element value) {
  using simdjson::dom::element_type;
  switch (value.type()) {
    case element_type::BOOL:
      return bool(value) ? "t" : "f";
    case element_type::INT64:
      return canonical_number(static_cast<double>(std::int64_t(value)));
    case element_type::UINT64:
      return canonical_number(static_cast<double>(std::uint64_t(value)));
    case element_type::DOUBLE:
      return canonical_number(double(value));
    case element_type::STRING:
      return canonical_string(std::string_view(value));
    case element_type::ARRAY: {
      std::string items = "[";
      for (const simdjson::dom::element item : simdjson::dom::array(value)) items += canonical_of(item);
      return items + "]";
    }
    case element_type::OBJECT: {
      std::map<std::string, std::string> members;
      for (const auto [key, item] : simdjson::dom::object(value)) members[std::string(key)] = canonical_of(item);
      return canonical_object(members);
    }
    default:
      return "0";
  }
}

// An integer that no 64 bits hold, as a value of the tree.
bool has_big_integer(const JsonTree& tree) {
  if (tree.kind == JsonTree::Kind::number && tree.text.find_first_of(".eE") == std::string::npos) {
    return std::fabs(tree.number) >= 9.2e18;
  }
  for (const JsonTree& item : tree.items) {
    if (has_big_integer(item)) return true;
  }
  return false;
}

TEST(JsonPeers, Simdjson) {
  Counts counts;
  simdjson::dom::parser parser;
  for (const std::string& document : documents()) {
    simdjson::dom::element root;
    Reading theirs;
    if (parser.parse(document).get(root) == simdjson::SUCCESS) theirs = canonical_of(root);
    if (theirs && only_zeros_differ(document, *theirs)) {
      ++counts.explained[kZeroReason];
      continue;
    }
    compare(
        document, theirs,
        [](const std::string& of, const Ours& we) -> std::string {
          if (over_a_limit(we)) return "a limit of ours";
          JsonTree tree;
          const bool valid = JsonReference::parse(of, tree) == JsonReference::Verdict::valid;
          if (we.reading && valid && has_big_integer(tree)) return "refuses integers beyond 64 bits";
          if (!we.reading && unpaired(we)) return "takes an unpaired surrogate";
          return "";
        },
        counts);
    if (HasFatalFailure()) return;
  }
  report("simdjson", counts);
}

// --- node

// Reads documents in hex, one a line, and answers their canonical values or "-".
constexpr char kScript[] = R"js(
const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const encoder = new TextEncoder();
const bits = new DataView(new ArrayBuffer(8));
const string = (text) => 's' + Buffer.from(encoder.encode(text)).toString('hex') + ';';
const number = (value) => {
  bits.setFloat64(0, value);
  return 'n' + bits.getBigUint64(0).toString(16).padStart(16, '0') + ';';
};
function canonical(value) {
  switch (typeof value) {
    case 'boolean': return value ? 't' : 'f';
    case 'number': return number(value);
    case 'string': return string(value);
  }
  if (value === null) return '0';
  if (Array.isArray(value)) return '[' + value.map(canonical).join('') + ']';
  const members = Object.keys(value).map((key) => [Buffer.from(encoder.encode(key)), key]);
  members.sort((left, right) => Buffer.compare(left[0], right[0]));
  return '{' + members.map(([, key]) => string(key) + canonical(value[key])).join('') + '}';
}
const lines = require('fs').readFileSync(process.argv[2], 'latin1').split('\n');
lines.pop();
const answers = lines.map((line) => {
  try {
    return canonical(JSON.parse(decoder.decode(Buffer.from(line, 'hex'))));
  } catch (error) {
    return '-';
  }
});
require('fs').writeFileSync(process.argv[3], answers.join('\n') + '\n');
)js";

TEST(JsonPeers, Node) {
  if (std::system("node -e 'process.exit(0)' > /dev/null 2>&1") != 0) GTEST_SKIP() << "node is missing";
  const std::string base = testing::TempDir() + "axonpush_json_peers_" + std::to_string(::getpid());
  const std::string script = base + ".js", questions = base + ".in", answers = base + ".out";
  std::ofstream(script) << kScript;
  {
    std::ofstream out(questions);
    for (const std::string& document : documents()) out << hex_of(document) << '\n';
  }
  ASSERT_EQ(std::system(("node '" + script + "' '" + questions + "' '" + answers + "'").c_str()), 0);
  Counts counts;
  std::ifstream in(answers);
  for (const std::string& document : documents()) {
    std::string line;
    ASSERT_TRUE(std::getline(in, line));
    Reading theirs;
    if (line != "-") theirs = line;
    compare(
        document, theirs,
        [](const std::string&, const Ours& we) -> std::string {
          if (over_a_limit(we)) return "a limit of ours";
          if (!we.reading && beyond_a_double(we)) return "reads a number beyond a double as infinity";
          if (!we.reading && unpaired(we)) return "takes an unpaired surrogate";
          return "";
        },
        counts);
    if (HasFatalFailure()) return;
  }
  report("node", counts);
  for (const std::string& file : {script, questions, answers}) std::remove(file.c_str());
}

}  // namespace
}  // namespace axonpush::test
