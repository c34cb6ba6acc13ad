// Payload: what a message says, from text and from lists of members.
#include <axonpush/json/reader.h>
#include <axonpush/payload.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "support/allocations.h"

namespace axonpush::test {
namespace {

// As a message holds it: the member of an aggregate.
struct Holder {
  Payload payload = {};
};
std::string text_of(const Holder& holder) {
  EXPECT_FALSE(holder.payload.error()) << holder.payload.error().what();
  return std::string(holder.payload.json());
}
Errc code_of(const Payload& payload) {
  EXPECT_TRUE(payload.json().empty());
  EXPECT_FALSE(payload.absent());
  return payload.error().code();
}

TEST(Payload, TakesRawJsonFromEveryKindOfText) {
  const std::string owned = R"({"a":1})";
  const std::string_view view = owned;
  const char* pointer = owned.c_str();
  char array[] = R"({"a":1})";
  EXPECT_EQ(text_of({.payload = R"({"a":1})"}), owned);
  EXPECT_EQ(text_of({.payload = owned}), owned);
  EXPECT_EQ(text_of({.payload = std::string(owned)}), owned);
  EXPECT_EQ(text_of({.payload = view}), owned);
  EXPECT_EQ(text_of({.payload = pointer}), owned);
  EXPECT_EQ(text_of({.payload = array}), owned);
  EXPECT_EQ(text_of({.payload = Payload(view)}), owned);
  EXPECT_EQ(text_of({.payload = {"{}"}}), "{}");
  EXPECT_EQ(text_of({.payload = " \n{ \"a\" : [1] }\t"}), "{ \"a\" : [1] }");
}

TEST(Payload, TakesListsOfMembers) {
  const std::string text = "owned";
  EXPECT_EQ(text_of({.payload = {{"text", "hello"}, {"n", 3}}}), R"({"text":"hello","n":3})");
  EXPECT_EQ(text_of({.payload = {{"a", "b"}}}), R"({"a":"b"})") << "two strings are no pair of iterators";
  EXPECT_EQ(text_of({.payload = {{"a", "b"}, {"c", "d"}}}), R"({"a":"b","c":"d"})");
  EXPECT_EQ(text_of({.payload = {{text, text}}}), R"({"owned":"owned"})");
  EXPECT_EQ(text_of({.payload = {{std::string_view("k"), std::string("temporary")}}}), R"({"k":"temporary"})");
  EXPECT_EQ(text_of({.payload = {{"t", true}, {"f", false}, {"z", nullptr}}}), R"({"t":true,"f":false,"z":null})");
  EXPECT_EQ(text_of({.payload = {{"o", {{"x", "y"}}}}}), R"({"o":{"x":"y"}})");
  EXPECT_EQ(text_of({.payload = {{"o", {{"x", {{"y", 1}, {"z", {}}}}, {"w", 2}}}}}),
            R"({"o":{"x":{"y":1,"z":{}},"w":2}})");
  EXPECT_EQ(text_of({.payload = {{"r", json::raw(" [1,2] ")}, {"s", json::raw("null")}}}), R"({"r":[1,2],"s":null})");
  EXPECT_EQ(text_of({.payload = {{"", ""}}}), R"({"":""})");
  EXPECT_EQ(text_of({.payload = Payload{{"a", 1}}}), R"({"a":1})");
  const Payload direct({{"a", "b"}});
  EXPECT_EQ(direct.json(), R"({"a":"b"})");
  const Payload copied = {{"a", "b"}};
  EXPECT_EQ(copied.json(), R"({"a":"b"})");
}

TEST(Payload, WritesNumbersOfEveryWidth) {
  EXPECT_EQ(text_of({.payload = {{"a", static_cast<std::int8_t>(-128)},
                                 {"b", static_cast<std::uint8_t>(255)},
                                 {"c", static_cast<short>(-3)},
                                 {"d", static_cast<std::uint16_t>(65535)},
                                 {"e", std::numeric_limits<std::int32_t>::min()},
                                 {"f", std::numeric_limits<std::uint32_t>::max()},
                                 {"g", std::numeric_limits<std::int64_t>::min()},
                                 {"h", std::numeric_limits<std::uint64_t>::max()},
                                 {"i", -1L},
                                 {"j", 7ULL}}}),
            R"({"a":-128,"b":255,"c":-3,"d":65535,"e":-2147483648,"f":4294967295,"g":-9223372036854775808,)"
            R"("h":18446744073709551615,"i":-1,"j":7})");
  EXPECT_EQ(text_of({.payload = {{"d", 0.1}, {"e", -0.0}, {"f", 1e300}, {"g", 0.5F}}}),
            R"({"d":0.1,"e":-0,"f":1e+300,"g":0.5})");
}

template <class Value>
concept MakesMember = requires(Value value) {
  PayloadMember("name", value);
};

TEST(Payload, RefusesAtCompileTimeWhatIsLikelyAMistake) {
  static_assert(MakesMember<int> && MakesMember<const char*> && MakesMember<std::string> && MakesMember<bool>);
  static_assert(!MakesMember<char> && !MakesMember<wchar_t> && !MakesMember<char16_t> && !MakesMember<long double>);
  static_assert(!MakesMember<void*> && !MakesMember<std::vector<bool>::reference>);
  static_assert(!std::is_constructible_v<Payload, std::nullptr_t> && !std::is_constructible_v<Payload, int>);
  static_assert(!std::is_constructible_v<Payload, const char*, const char*>);
  static_assert(!std::is_constructible_v<PayloadKey, const char*, const char*>);
  static_assert(!std::is_constructible_v<PayloadValue, const char*, const char*>);
  static_assert(!std::is_constructible_v<PayloadMember, const char*>);
  static_assert(std::is_nothrow_move_constructible_v<Payload> && std::is_nothrow_move_assignable_v<Payload>);
  static_assert(std::is_nothrow_copy_constructible_v<Payload>);
  SUCCEED();
}

TEST(Payload, AbsentIsAnErrorOfItsOwn) {
  const Holder holder = {};
  EXPECT_TRUE(holder.payload.absent());
  EXPECT_EQ(holder.payload.error().code(), Errc::payload_invalid);
  EXPECT_TRUE(holder.payload.json().empty());
}

TEST(Payload, RemembersWhatItRefused) {  // J-19
  const char* missing = nullptr;
  std::string deep;
  for (int level = 0; level < 65; ++level) deep += "{\"a\":";
  const std::string wide = "{\"a\":\"" + std::string(limits::kJsonBytes, 'x') + "\"}";
  const struct {
    Payload payload;
    Errc code;
  } rows[] = {
      {"", Errc::payload_invalid},
      {"null", Errc::payload_invalid},
      {"[1]", Errc::payload_invalid},
      {"\"text\"", Errc::payload_invalid},
      {"hello", Errc::payload_invalid},
      {"{\"a\":1,}", Errc::payload_invalid},
      {"{\"a\":1}{", Errc::payload_invalid},
      {"{\"a\":\"\xFF\"}", Errc::payload_invalid},
      {"{\"a\":1e999}", Errc::payload_invalid},
      {deep, Errc::payload_invalid},
      {wide, Errc::payload_too_large},
      {missing, Errc::payload_invalid},
      {{{"a", "\xC3"}}, Errc::payload_invalid},
      {{{"\xED\xA0\x80", 1}}, Errc::payload_invalid},
      {{{"a", std::numeric_limits<double>::quiet_NaN()}}, Errc::payload_invalid},
      {{{"a", std::numeric_limits<double>::infinity()}}, Errc::payload_invalid},
      {{{"a", missing}}, Errc::payload_invalid},
      {{{missing, 1}}, Errc::payload_invalid},
      {{{"a", {{missing, 1}}}, {"b", 2}}, Errc::payload_invalid},
      {{{"a", json::raw("1,\"b\":2")}}, Errc::payload_invalid},
      {{{"a", json::raw("")}}, Errc::payload_invalid},
      {{{"a", json::raw("\"\xFF\"")}}, Errc::payload_invalid},
      {{{"a", json::raw(deep)}}, Errc::payload_invalid},
      {{{"a", wide}}, Errc::payload_too_large},
      {Payload::borrowed("{"), Errc::payload_invalid},
      {Payload::borrowed("[]"), Errc::payload_invalid},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(code_of(row.payload), row.code) << "row " << (&row - rows);
    EXPECT_EQ(row.payload.error().culprit(), row.code == Errc::payload_invalid ? Culprit::caller : Culprit::limit);
  }
  EXPECT_EQ(Payload("{\"a\":x}").error().offset(), 5U);
}

TEST(Payload, CountsTheLevelsOfRawJsonWithItsOwn) {  // J-12
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_FALSE(Payload({{"a", json::raw(nested(63))}}).error());
  EXPECT_EQ(Payload({{"a", json::raw(nested(64))}}).error().code(), Errc::payload_invalid);
  EXPECT_FALSE(Payload({{"a", {{"b", json::raw(nested(62))}}}}).error());
  EXPECT_EQ(Payload({{"a", {{"b", json::raw(nested(63))}}}}).error().code(), Errc::payload_invalid);
}

TEST(Payload, EscapesAndStaysValidAtEverySize) {  // J-19
  for (std::size_t size = 0; size < 3'000; size += size < 900 ? 91 : 7) {
    for (const std::string_view piece : {"x", "\n", "\x01", "\"", "\xC3\xA9"}) {
      std::string text;
      while (text.size() < size) text += piece;
      const Payload payload = {{"text", text}, {"n", 1}};
      ASSERT_FALSE(payload.error()) << payload.error().what();
      json::Members<2> members;
      std::size_t count = 0;
      ASSERT_FALSE(json::read_object(bytes_of(payload.json()), {}, members.room(), count));
      std::vector<std::uint8_t> scratch(payload.json().size());
      std::string_view read;
      ASSERT_TRUE(members.room()[0].value.text(scratch, read));
      ASSERT_EQ(read, text);
    }
  }
}

TEST(Payload, AllocatesNothingUpTo1KiBAndOneBlockAbove) {
  const std::string small = "{\"a\":\"" + std::string(Payload::kInlineBytes - 8, 'x') + "\"}";
  const std::string large = "{\"a\":\"" + std::string(Payload::kInlineBytes - 7, 'x') + "\"}";
  const std::string_view small_text = std::string_view(small).substr(6, small.size() - 8);
  const std::string_view large_text = std::string_view(large).substr(6, large.size() - 8);
  ASSERT_EQ(small.size(), Payload::kInlineBytes);
  const struct {
    std::uint64_t blocks;
    bool list;
    std::string_view json, text;
  } rows[] = {{0, false, small, {}}, {1, false, large, {}}, {0, true, small, small_text}, {1, true, large, large_text}};
  for (const auto& row : rows) {
    const std::uint64_t before = allocation_count();
    const Payload payload = row.list ? Payload({{"a", row.text}}) : Payload(row.json);
    EXPECT_EQ(allocation_count() - before, row.blocks);
    EXPECT_EQ(payload.json(), row.json);
  }
  const std::uint64_t before = allocation_count();
  const Payload borrowed = Payload::borrowed(large);
  EXPECT_EQ(allocation_count() - before, 0U);
  EXPECT_EQ(borrowed.json().data(), large.data());
}

// Only a list that does not fit in place is measured: with every kind of value in it.
TEST(Payload, MeasuresEveryKindOfValue) {
  const std::string text(1'100, 'x');
  const Payload payload = {{"text", text},
                           {"raw", json::raw(" [1, {\"a\": null}] ")},
                           {"inner", {{"deep", {{"n", -1}}}}},
                           {"real", 1.0 / 3},
                           {"unsigned", UINT64_MAX},
                           {"flag", false},
                           {"none", nullptr}};
  ASSERT_FALSE(payload.error()) << payload.error().what();
  EXPECT_EQ(payload.json(), "{\"text\":\"" + text +
                                R"(","raw":[1, {"a": null}],"inner":{"deep":{"n":-1}},"real":0.3333333333333333,)"
                                R"("unsigned":18446744073709551615,"flag":false,"none":null})");
}

TEST(Payload, RemembersAnExhaustedHeap) {
  const std::string large = "{\"a\":\"" + std::string(5'000, 'x') + "\"}";
  const Payload original = large;
  {
    const FailAllocations none(1, FailAllocations::Mode::from_then_on);
    EXPECT_EQ(code_of(Payload(large)), Errc::no_memory);
    EXPECT_EQ(code_of(Payload({{"a", large}})), Errc::no_memory);
    EXPECT_EQ(code_of(Payload(original)), Errc::no_memory);
    EXPECT_TRUE(none.fired());
  }
  EXPECT_EQ(original.json(), large);
}

TEST(Payload, CopiesAndMovesWhereverItKeepsItsText) {
  const std::string large = "{\"a\":\"" + std::string(5'000, 'x') + "\"}";
  const Payload sources[] = {Payload("{\"a\":1}"), Payload(large), Payload::borrowed(large), Payload("broken"),
                             Payload()};
  for (const Payload& source : sources) {
    for (const Payload& previous : sources) {
      Payload copy = previous;
      copy = source;
      EXPECT_EQ(copy.json(), source.json());
      EXPECT_EQ(copy.error().code(), source.error().code());
      EXPECT_EQ(copy.absent(), source.absent());
      Payload moved = previous;
      moved = std::move(copy);
      EXPECT_EQ(moved.json(), source.json());
      EXPECT_EQ(moved.error().code(), source.error().code());
      const Payload taken = std::move(moved);
      EXPECT_EQ(taken.json(), source.json());
      EXPECT_EQ(taken.error().what(), source.error().what());
    }
  }
  Payload self = large;
  Payload& alias = self;
  self = alias;
  EXPECT_EQ(self.json(), large);
  self = std::move(alias);
  EXPECT_EQ(self.json(), large);
  Payload gone = std::move(self);
  self = "{}";
  EXPECT_EQ(self.json(), "{}");
  EXPECT_EQ(gone.json(), large);
}

TEST(Payload, KeepsNothingOfWhatItWasMadeFrom) {
  Payload payload;
  {
    std::string key = "key", text = "a text that is long enough to live on the heap, were it kept";
    payload = {{key, text}, {"inner", {{key, text}}}};
    key.assign(key.size(), '#');
    text.assign(text.size(), '#');
  }
  EXPECT_EQ(payload.json(),
            R"({"key":"a text that is long enough to live on the heap, were it kept","inner":{"key":"a text that is )"
            R"(long enough to live on the heap, were it kept"}})");
}

}  // namespace
}  // namespace axonpush::test
