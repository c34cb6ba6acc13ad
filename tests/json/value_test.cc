#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "json/json_harness.h"
#include "json/number.h"

namespace axonpush::test {
namespace {

json::Value parsed(std::string_view document) {
  json::Value root;
  EXPECT_FALSE(json::validate(bytes_of(document), {}, root)) << document;
  return root;
}

TEST(JsonValue, NumbersAreExactOrDoubles) {  // J-15
  struct Row {
    std::string_view text;
    bool has_integer;
    std::int64_t integer;
    bool has_unsigned;
    std::uint64_t unsigned_integer;
    double real;
  };
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const Row rows[] = {
      {"0", true, 0, true, 0, 0.0},
      {"-0", false, 0, false, 0, -0.0},
      {"-0.0", false, 0, false, 0, -0.0},
      {"-1", true, -1, false, 0, -1.0},
      {"9007199254740992", true, 9007199254740992, true, 9007199254740992, 9007199254740992.0},
      {"9007199254740993", true, 9007199254740993, true, 9007199254740993, 9007199254740992.0},
      {"9223372036854775807", true, kMost, true, 9223372036854775807U, 9223372036854775808.0},
      {"9223372036854775808", false, 0, true, 9223372036854775808U, 9223372036854775808.0},
      {"-9223372036854775808", true, kLeast, false, 0, -9223372036854775808.0},
      {"-9223372036854775809", false, 0, false, 0, -9223372036854775808.0},
      {"18446744073709551615", false, 0, true, 18446744073709551615U, 18446744073709551616.0},
      {"18446744073709551616", false, 0, false, 0, 18446744073709551616.0},
      {"1e308", false, 0, false, 0, 1e308},
      {"1.7976931348623157e308", false, 0, false, 0, std::numeric_limits<double>::max()},
      {"1e-400", false, 0, false, 0, 0.0},
      {"-1e-400", false, 0, false, 0, -0.0},
      {"5e-324", false, 0, false, 0, std::numeric_limits<double>::denorm_min()},
      {"2.4703282292062327208e-324", false, 0, false, 0, 0.0},
      {"2.4703282292062327209e-324", false, 0, false, 0, std::numeric_limits<double>::denorm_min()},
      {"2.2250738585072011e-308", false, 0, false, 0, 2.2250738585072011e-308},
      {"0e999999999999", false, 0, false, 0, 0.0},
      {"1.0", false, 0, false, 0, 1.0},
      {"1e2", false, 0, false, 0, 100.0},
      {"0.1", false, 0, false, 0, 0.1},
      {"123456789012345678901234567890", false, 0, false, 0, 123456789012345678901234567890.0},
  };
  for (const Row& row : rows) {
    const json::Value value = parsed(row.text);
    std::int64_t integer = 7;
    std::uint64_t unsigned_integer = 7;
    double real = 7;
    EXPECT_EQ(value.integer(integer), row.has_integer) << row.text;
    EXPECT_EQ(integer, row.has_integer ? row.integer : 7) << row.text;
    EXPECT_EQ(value.unsigned_integer(unsigned_integer), row.has_unsigned) << row.text;
    EXPECT_EQ(unsigned_integer, row.has_unsigned ? row.unsigned_integer : 7) << row.text;
    ASSERT_TRUE(value.real(real)) << row.text;
    EXPECT_EQ(std::memcmp(&real, &row.real, sizeof real), 0) << row.text << ' ' << real;
  }
}

// Any decimal within the range reads as strtod reads it, whose rounding is exact.
TEST(JsonValue, RealsAreCorrectlyRounded) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50'000; ++round) {
    std::string text = random() % 2 == 0 ? "-" : "";
    text += std::to_string(random() % (round % 3 == 0 ? 10 : 10'000'000'000'000'000'000U));
    if (random() % 2 == 0) text += "." + std::to_string(random());
    if (random() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 680) - 350);
    const double expected = std::strtod(text.c_str(), nullptr);
    json::Value root;
    const Error error = json::validate(bytes_of(text), {}, root);
    ASSERT_EQ(!error, std::isfinite(expected)) << text;
    double real = 0;
    if (error) continue;
    ASSERT_TRUE(root.real(real) && std::memcmp(&real, &expected, sizeof real) == 0) << text;
  }
}

// Both ways to read a double, on numbers that are hard: halves between two doubles, and those with a digit far behind.
TEST(JsonValue, BothReadersOfDoublesAgree) {
  std::vector<std::string> texts = {
      "0", "-0", "0.0", "0e99", "1e400", "-1e400", "1e-400", "-1e-400", "1e99999999999999999999",
      "1e-99999999999999999999", "2.4703282292062327208e-324", "2.4703282292062327209e-324",
      "1.7976931348623158079e308", "1.7976931348623158080e308",
      // Half-way between 1 and the next double, and that with a digit more, here and far behind.
      "1.00000000000000011102230246251565404236316680908203125",
      "1.00000000000000011102230246251565404236316680908203126",
      "1.00000000000000011102230246251565404236316680908203125" + repeat("0", 900) + "1",
      "1.00000000000000011102230246251565404236316680908203125" + repeat("0", 900), "9007199254740993",
      "9007199254740993" + repeat("0", 300), "9007199254740993." + repeat("0", 2'000) + "1",
      "0." + repeat("0", 400) + "5e400", repeat("9", 309), repeat("9", 308) + ".9", "1" + repeat("0", 5'000) + "e-5000",
      "123456789" + repeat("7", 1'000) + "e-1000"};
  std::mt19937_64 random(11);
  for (int round = 0; round < 30'000; ++round) {
    std::string text = std::to_string(random() >> random() % 64);
    if (random() % 2 == 0) text += "." + std::to_string(random()) + std::to_string(random());
    if (random() % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 700) - 360);
    texts.push_back(text);
  }
  for (const std::string& text : texts) {
    double one = 7, other = 7;
    const bool read = json::read_real(text, one);
    const double expected = std::strtod(text.c_str(), nullptr);  // in the locale that every program begins with
    ASSERT_EQ(std::isfinite(expected), read) << text;
    if (read) other = expected;
    ASSERT_EQ(std::memcmp(&one, &other, sizeof one), 0) << text;
  }
}

TEST(JsonValue, OtherTypesAnswerFalseAndWriteNothing) {
  std::uint8_t scratch[32];
  for (const std::string_view document : {"null", "true", "1", "\"x\"", "[]", "{}"}) {
    const json::Value value = parsed(document);
    bool boolean = true;
    double real = 7;
    std::int64_t integer = 7;
    std::uint64_t unsigned_integer = 7;
    std::string_view text = "kept";
    EXPECT_EQ(value.boolean(boolean), document == "true");
    EXPECT_EQ(value.real(real) || value.integer(integer) || value.unsigned_integer(unsigned_integer), document == "1");
    EXPECT_EQ(value.text(scratch, text), document == "\"x\"");
    EXPECT_EQ(text, document == "\"x\"" ? "x" : "kept");
    EXPECT_TRUE(static_cast<bool>(value));
  }
  const json::Value absent;
  std::string_view text;
  double real = 0;
  EXPECT_FALSE(absent.text(scratch, text) || absent.real(real) || static_cast<bool>(absent));
}

TEST(JsonValue, EscapesAreUndoneIntoTheScratch) {
  struct Row {
    std::string_view document;
    std::string text;
  };
  const Row rows[] = {
      {R"("plain")", "plain"},
      {R"("")", ""},
      {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
      {R"("a\u0041z")", "aAz"},
      {R"("\u0000")", std::string(1, '\0')},  // J-08: kept in a generic value
      {R"("\u007f\u0080\u07ff\u0800\uffff")", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"},
      {R"("\ud800\udc00\udbff\udfff")", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
      {R"("\uD83D\uDE00!")", "\xF0\x9F\x98\x80!"},
      {R"("\\u0041")", "\\u0041"},
  };
  for (const Row& row : rows) {
    const json::Value value = parsed(row.document);
    std::string_view text;
    EXPECT_EQ(value.plain_text(text), row.document.find('\\') == std::string_view::npos);
    // Exactly the room of the text is enough, and a byte less is not, but for one that is viewed in place.
    GuardedBytes guarded(64);
    ASSERT_TRUE(value.text(guarded.last(row.text.size()), text)) << row.document;
    EXPECT_EQ(text, row.text);
    if (value.plain_text(text)) {
      EXPECT_EQ(text.data(), row.document.data() + 1);
    } else if (!row.text.empty()) {
      EXPECT_FALSE(value.text(guarded.last(row.text.size() - 1), text)) << row.document;
    }
  }
}

// A Value made by hand, of which that is not known.
TEST(JsonValue, AStringThatHasNoEscapeIsFoundToHaveNone) {
  const std::string_view document = R"(["plain","a\\n",1])";
  json::Cursor cursor(parsed(document));
  json::Member member;
  ASSERT_TRUE(cursor.next(member));
  member.value.may_have_escapes = true;
  std::string_view text;
  EXPECT_TRUE(member.value.plain_text(text));
  EXPECT_EQ(text, "plain");
  EXPECT_EQ(text.data(), document.data() + 2);
  EXPECT_TRUE(member.value.text({}, text));
  ASSERT_TRUE(cursor.next(member));
  EXPECT_FALSE(member.value.plain_text(text));
  EXPECT_FALSE(member.value.text({}, text));
  ASSERT_TRUE(cursor.next(member));
  EXPECT_FALSE(member.value.plain_text(text)) << "a number";
  EXPECT_FALSE(cursor.next(member));
}

TEST(JsonValue, AMebibyteOfEscapesIsReadInOnePass) {  // J-16
  const std::size_t count = 512 * 1024;
  const std::string document = "\"" + repeat("\\n", count) + "\"";
  json::Value root;
  ASSERT_FALSE(json::validate(bytes_of(document), {.bytes = 2 * 1024 * 1024}, root));
  std::vector<std::uint8_t> scratch(count);
  std::string_view text;
  ASSERT_TRUE(root.text(scratch, text));
  EXPECT_EQ(text.size(), count);
  EXPECT_EQ(text.find_first_not_of('\n'), std::string_view::npos);
  const std::string surrogates = "\"" + repeat("\\ud83d\\ude00", 100'000) + "\"";
  ASSERT_FALSE(json::validate(bytes_of(surrogates), {.bytes = 2 * 1024 * 1024}, root));
  ASSERT_TRUE(root.text(scratch, text));
  EXPECT_EQ(text, repeat("\xF0\x9F\x98\x80", 100'000));
}

TEST(JsonValue, KeysAreComparedWithTheirEscapesUndone) {  // J-17
  struct Row {
    std::string_view document;
    std::string_view name;
    bool equal;
  };
  const Row rows[] = {
      {R"({"expiresAt":1})", "expiresAt", true},
      {R"({"expires\u0041t":1})", "expiresAt", true},
      {R"({"\u0065\u0078\u0070\u0069\u0072\u0065\u0073\u0041\u0074":1})", "expiresAt", true},
      {R"({"expiresAt\u0000":1})", "expiresAt", false},
      {R"({"\u0000expiresAt":1})", "expiresAt", false},
      {R"({"expiresA":1})", "expiresAt", false},
      {R"({"expiresAtt":1})", "expiresAt", false},
      {R"({"expires\u0041":1})", "expiresAt", false},
      {R"({"expires\u0041tt":1})", "expiresAt", false},
      {R"({"":1})", "", true},
      {R"({"":1})", "a", false},
      {R"({"a":1})", "", false},
      {R"({"a\/b":1})", "a/b", true},
      {R"({"\ud83d\ude00":1})", "\xF0\x9F\x98\x80", true},
  };
  for (const Row& row : rows) {
    json::Members<1> members;
    std::size_t count = 0;
    ASSERT_FALSE(json::read_object(bytes_of(row.document), {}, members.room(), count));
    EXPECT_EQ(json::key_equals(members.room()[0], row.name), row.equal) << row.document;
    json::Value value;
    EXPECT_EQ(json::find_member(members.first(count), row.name, value), row.equal ? 1U : 0U);
    EXPECT_EQ(json::find_member(parsed(row.document), row.name, value), row.equal ? 1U : 0U);
    EXPECT_EQ(static_cast<bool>(value), row.equal);
  }
}

TEST(JsonValue, OfEqualKeysTheLastIsFoundAndAllAreCounted) {  // J-11
  const std::string_view document = R"({"a":1,"b":2,"\u0061":3,"c":{"a":4}})";
  json::Members<4> members;
  std::size_t count = 0;
  ASSERT_FALSE(json::read_object(bytes_of(document), {}, members.room(), count));
  json::Value value;
  EXPECT_EQ(json::find_member(members.first(count), "a", value), 2U);
  EXPECT_EQ(value.raw, "3");
  EXPECT_EQ(json::find_member(parsed(document), "a", value), 2U);
  EXPECT_EQ(value.raw, "3");
  EXPECT_EQ(json::find_member(parsed("[1]"), "a", value), 0U);
  EXPECT_FALSE(value);
}

TEST(JsonValue, TheCursorWalksObjectsAndArrays) {
  const json::Value root = parsed(" { \"a\" : [ 1 , {\"]\":\"}\"} , \"\\\"\" ] ,\n\"b\":{ } , \"c\\n\" : null } ");
  json::Cursor members(root);
  json::Member member;
  ASSERT_TRUE(members.next(member));
  EXPECT_EQ(member.key, "a");
  EXPECT_FALSE(member.key_escaped);
  json::Cursor elements(member.value);
  const std::string_view raws[] = {"1", "{\"]\":\"}\"}", "\"\\\"\""};
  json::Member element;
  for (const std::string_view raw : raws) {
    element.key = "of another walk";
    element.key_escaped = true;
    ASSERT_TRUE(elements.next(element));
    EXPECT_EQ(element.value.raw, raw);
    EXPECT_TRUE(element.key.empty());
    EXPECT_FALSE(element.key_escaped);
  }
  EXPECT_FALSE(elements.next(member));
  ASSERT_TRUE(members.next(member));
  EXPECT_EQ(member.value.kind, json::Kind::object);
  EXPECT_FALSE(json::Cursor(member.value).next(member));
  ASSERT_TRUE(members.next(member));
  EXPECT_TRUE(member.key_escaped);
  EXPECT_EQ(member.value.kind, json::Kind::null);
  EXPECT_FALSE(members.next(member));
  EXPECT_FALSE(members.next(member));
  json::Cursor none(parsed("\"[1]\""));
  EXPECT_FALSE(none.next(member));
}

// RFC 8259 7: what a validated document cannot hold is no escape in a Value made by hand either.
TEST(JsonValue, EscapesThatAreNoneAreRefused) {
  const std::string_view none[] = {R"(\)",       R"(\q)",      R"(\u)",           R"(\u12)",         R"(\uzzzz)",
                                   R"(\u12zz)",  R"(\u-123)",  R"(\u 123)",       R"(\udc00)",       R"(\udfff)",
                                   R"(\ud800)",  R"(\ud800x)", R"(\ud800\u0041)", R"(\ud800\ue000)", R"(\ud800\u12)",
                                   R"(\ud800\n)"};
  std::uint8_t scratch[32];
  for (const std::string_view text : none) {
    const std::string raw = "\"" + std::string(text) + "\"";
    std::string_view read;
    EXPECT_FALSE((json::Value{raw, json::Kind::string}.text(scratch, read))) << text;
    json::Member member;
    member.key = text;
    member.key_escaped = true;
    EXPECT_FALSE(json::key_equals(member, text)) << text;
    EXPECT_FALSE(json::key_equals(member, "")) << text;
  }
}

// Found by json_reader_fuzz: a string without a closing quote counted as free of escapes, and was viewed with a size of
// one byte less two.
TEST(JsonValue, NonsenseMadeByHandIsReadWithinItsBytes) {
  const std::string_view nonsense[] = {"\"",      "[\"",       "[\"\\",  "{\"",         "{\"a", "{\"a\"",
                                       "{\"a\":", "{\"a\":\"", "[\"\\u", "[,,]",        "{:}",  "{\"a\":1,",
                                       "[[[",     "]]]",       "{}{}",   "[1",          "nul",  "-",
                                       "1e",      "",          "\"\\\"", "\"\\ud83d\"", "{,",   "[\x01]"};
  GuardedBytes guarded(64);
  std::uint8_t scratch[64];
  for (const std::string_view text : nonsense) {
    const std::string_view raw = text_of(guarded.hold(bytes_of(text)));
    for (const json::Kind kind : {json::Kind::string, json::Kind::number, json::Kind::boolean, json::Kind::object,
                                  json::Kind::array, json::Kind::null}) {
      const json::Value value{raw, kind};
      std::string_view read;
      bool boolean = false;
      double real = 0;
      std::int64_t integer = 0;
      EXPECT_TRUE(!value.text(scratch, read) || read.size() <= raw.size());
      static_cast<void>(value.boolean(boolean));
      static_cast<void>(value.real(real));
      static_cast<void>(value.integer(integer));
      json::Cursor cursor(value);
      json::Member member;
      for (std::size_t turns = 0; cursor.next(member); ++turns) {
        ASSERT_LE(turns, raw.size());
        EXPECT_TRUE(!member.value.text(scratch, read) || read.size() <= raw.size());
        static_cast<void>(json::key_equals(member, "a"));
      }
    }
  }
}

}  // namespace
}  // namespace axonpush::test
