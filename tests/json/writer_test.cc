// The writer: what it writes is read back the same, fits exactly, and what cannot be written never gets out.
#include <axonpush/json/writer.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "json/json_harness.h"

namespace axonpush::test {
namespace {

using json::Writer;
using Failure = json::Writer::Failure;

using Writes = std::function<void(Writer&)>;

// What `writes` makes, in a room of exactly its size flush against a guard page; a byte less is refused.
std::string written(const Writes& writes) {
  std::vector<std::uint8_t> room(1 << 20);
  Writer roomy(room);
  writes(roomy);
  EXPECT_EQ(roomy.failure(), Failure::none);
  const std::string text(roomy.view());
  GuardedBytes guarded(text.size());
  for (std::size_t size = 0; size <= text.size(); ++size) {
    // Every size of a short one, the last few of a long one.
    if (size > 200 && size + 20 < text.size()) continue;
    Writer tight(guarded.last(size));
    writes(tight);
    EXPECT_EQ(tight.failure(), size == text.size() ? Failure::none : Failure::does_not_fit) << size << ' ' << text;
    EXPECT_TRUE(!tight.ok() || tight.view() == text);
  }
  return text;
}

TEST(JsonWriter, PutsCommasAndColonsWhereTheyBelong) {
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_object();
              writer.end_object();
            }),
            "{}");
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_array();
              writer.begin_array();
              writer.end_array();
              writer.begin_object();
              writer.end_object();
              writer.null();
              writer.boolean(true);
              writer.boolean(false);
              writer.raw("[1, 2]");
              writer.string("");
              writer.end_array();
            }),
            R"([[],{},null,true,false,[1, 2],""])");
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_object();
              writer.key("a");
              writer.begin_array();
              writer.integer(1);
              writer.integer(-2);
              writer.end_array();
              writer.optional_string("left out", "");
              writer.optional_string("b", "c");
              writer.key("");
              writer.begin_object();
              writer.key("d");
              writer.real(0.5);
              writer.end_object();
              writer.key("e");
              writer.null();
              writer.end_object();
            }),
            R"({"a":[1,-2],"b":"c","":{"d":0.5},"e":null})");
  EXPECT_EQ(written([](Writer& writer) { writer.raw({}); }), "");
}

TEST(JsonWriter, EscapesWhatMustBeAndNothingElse) {  // J-19
  struct Row {
    std::string_view text;
    std::string_view json;
  };
  const Row rows[] = {
      {"plain text, of more than eight bytes", R"("plain text, of more than eight bytes")"},
      {"\"", R"("\"")"},
      {"\\", R"("\\")"},
      {"/", R"("/")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {std::string_view("\0", 1), R"("\u0000")"},
      {"\x01\x1F", R"("\u0001\u001f")"},
      {"\x7F", "\"\x7F\""},
      {"\xE2\x80\xA8\xE2\x80\xA9", "\"\xE2\x80\xA8\xE2\x80\xA9\""},  // U+2028, U+2029
      {"\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\""},
      {"ab\"cd\\ef\ngh", R"("ab\"cd\\ef\ngh")"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(written([&row](Writer& writer) { writer.string(row.text); }), row.json);
    EXPECT_EQ(json::string_size(row.text), row.json.size());
    const std::string member = written([&row](Writer& writer) {
      writer.begin_object();
      writer.key(row.text);
      writer.null();
      writer.end_object();
    });
    EXPECT_EQ(member, "{" + std::string(row.json) + ":null}");
  }
}

// Every byte at every distance from the words that are looked at eight at a time.
TEST(JsonWriter, EveryStringRoundTrips) {  // J-19
  for (int byte = 0; byte < 0x80; ++byte) {
    for (std::size_t size = 1; size <= 18; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        std::uint8_t room[128];
        Writer writer(room);
        writer.string(text);
        ASSERT_TRUE(writer.ok());
        ASSERT_EQ(writer.size(), json::string_size(text));
        JsonTree tree;
        ASSERT_EQ(JsonReference::parse(writer.view(), tree), JsonReference::Verdict::valid) << writer.view();
        ASSERT_EQ(tree.text, text);
      }
    }
  }
}

TEST(JsonWriter, IllFormedUtf8IsNeverEmitted) {  // J-19
  const std::string_view bad[] = {
      "\x80",     "\xC3",         "a\xC3(",
      "\xE2\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
      "\xFF",     "\xC0\xAF",     "a long text that ends in the middle of a character \xF0\x9F\x98"};
  for (const std::string_view text : bad) {
    std::uint8_t room[256];
    for (const bool as_key : {false, true}) {
      Writer writer(room);
      writer.begin_object();
      writer.key(as_key ? text : "k");
      if (!as_key) writer.string(text);
      EXPECT_EQ(writer.failure(), Failure::invalid_utf8);
      // It sticks, and what came before stays the first failure.
      writer.real(std::numeric_limits<double>::infinity());
      writer.end_object();
      EXPECT_FALSE(writer.ok());
      EXPECT_EQ(writer.failure(), Failure::invalid_utf8);
      EXPECT_EQ(writer.view().find(text), std::string_view::npos);
    }
    Writer optional(room);
    optional.optional_string("k", text);
    EXPECT_EQ(optional.failure(), Failure::invalid_utf8);
  }
}

TEST(JsonWriter, IntegersOfEverySize) {
  const std::int64_t integers[] = {
      0, 1, -1, 9, 10, -10, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};
  for (const std::int64_t value : integers) {
    EXPECT_EQ(written([value](Writer& writer) { writer.integer(value); }), std::to_string(value));
  }
  for (const std::uint64_t value : {std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_EQ(written([value](Writer& writer) { writer.unsigned_integer(value); }), std::to_string(value));
  }
}

TEST(JsonWriter, RealsAreTheShortestTextThatReadsBackTheSame) {
  struct Row {
    double value;
    std::string_view text;
  };
  const Row rows[] = {
      {0.0, "0"},
      {-0.0, "-0"},
      {1.0, "1"},
      {0.1, "0.1"},
      {1.0 / 3, "0.3333333333333333"},
      {100.0, "100"},
      {1e21, "1e+21"},
      {5e-324, "5e-324"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {-1.7976931348623157e308, "-1.7976931348623157e+308"},
      {9007199254740993.0, "9007199254740992"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(written([&row](Writer& writer) { writer.real(row.value); }), row.text);
  }
  std::mt19937_64 random(5);
  for (int round = 0; round < 100'000; ++round) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    std::uint8_t room[32];
    Writer writer(room);
    writer.real(value);
    if (!(value - value == 0)) {
      ASSERT_EQ(writer.failure(), Failure::invalid_number);
      continue;
    }
    ASSERT_TRUE(writer.ok());
    json::Value root;
    double read = 0;
    ASSERT_FALSE(json::validate(bytes_of(writer.view()), {}, root)) << writer.view();
    ASSERT_TRUE(root.real(read) && std::memcmp(&read, &value, sizeof read) == 0) << writer.view();
    // Shortest: with one significant digit less it is another number.
    const std::string_view digits = writer.view().substr(0, writer.view().find('e'));
    const auto significant =
        static_cast<int>(std::count_if(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }));
    char shorter[64];
    if (significant < 2 || digits.find('.') == std::string_view::npos || digits.starts_with("0") ||
        digits.starts_with("-0"))
      continue;
    std::snprintf(shorter, sizeof shorter, "%.*e", significant - 2, value);
    ASSERT_NE(std::strtod(shorter, nullptr), value) << writer.view();
  }
  for (const double value : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
    std::uint8_t room[32];
    Writer writer(room);
    writer.real(value);
    EXPECT_EQ(writer.failure(), Failure::invalid_number);
    EXPECT_EQ(writer.size(), 0U);
  }
}

TEST(JsonWriter, WhatDoesNotFitSticks) {
  std::uint8_t room[4];
  Writer writer(room);
  writer.begin_array();
  writer.string("abc");
  EXPECT_EQ(writer.failure(), Failure::does_not_fit);
  writer.end_array();
  writer.integer(1);
  writer.string("\xFF");
  EXPECT_EQ(writer.failure(), Failure::does_not_fit);
  Writer none({});
  none.null();
  EXPECT_EQ(none.failure(), Failure::does_not_fit);
}

}  // namespace
}  // namespace axonpush::test
