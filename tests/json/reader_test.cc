// The reader against rows of data and against the slow reference (support/json_reference.h).
#include <random>
#include <vector>

#include "json/json_harness.h"
#include "support/allocations.h"

namespace axonpush::test {
namespace {

TEST(JsonReader, RefusesWhatIsNoObjectWhereOneIsNeeded) {  // J-01
  for (const std::string_view document : {"", " ", "\n\t \r", "null", "[]", "\"x\"", "1", "true", "[{}]", "x"}) {
    EXPECT_EQ(object_verdict_of(document), Errc::json_invalid) << document;
  }
  for (const std::string_view document : {"{}", " {} ", "{\"a\":1}", "\r\n{\t}\n"}) {
    EXPECT_EQ(object_verdict_of(document), Errc::none) << document;
  }
  EXPECT_EQ(verdict_of(""), Errc::json_invalid);
  EXPECT_EQ(verdict_of("  "), Errc::json_invalid);
}

TEST(JsonReader, AgreesWithTheReferenceOnMutations) {
  const std::string seeds[] = {R"({"id":"evt_1","n":-12.5e3,"t":true,"f":false,"z":null,"a":[1,2,{"b":[]}],)"
                               R"("o":{},"s":"a\"\\\u00e9\ud83d\ude00"})",
                               "[ 1 , { \"a\" : [ ] } ,\n\t\"x\" ]",
                               "\"only\"",
                               "-0",
                               repeat("{\"a\":", 70),
                               "{\"k\":\"\xC3\xA9\xF0\x9F\x98\x80\"}"};
  std::mt19937 random(7);
  const std::string_view alphabet = "{}[]:,\"\\ ntru0123.-+eE\n\x01\x7F\xC3\xA9";
  std::size_t accepted = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string document = seeds[random() % std::size(seeds)];
    for (std::size_t edit = random() % 3; edit < 3; ++edit) {
      const std::size_t at = random() % (document.size() + 1);
      const char byte = alphabet[random() % alphabet.size()];
      if (random() % 3 == 0) {
        document.insert(at, 1, byte);
      } else if (at < document.size() && random() % 2 == 0) {
        document.erase(at, 1 + random() % 3);
      } else if (at < document.size()) {
        document[at] = byte;
      }
    }
    ASSERT_EQ(JsonAgreement::check(document), "") << document;
    json::Value root;
    ++(json::validate(bytes_of(document), {}, root) ? refused : accepted);
  }
  EXPECT_GT(accepted, 1'000U);
  EXPECT_GT(refused, 1'000U);
}

// A document of 1 KiB with everything in it.
std::string long_document() {
  std::string document = R"({"id":"evt_1","n":-12.5e3,"t":true,"f":false,"z":null,"a":[1,2,{"b":[]}],"o":{},)"
                         R"("s":"a\"\\\u00e9\ud83d\ude00",)";
  while (document.size() < 980) document += "\"k" + std::to_string(document.size()) + "\":[\"\xC3\xA9\", 0.5],";
  return document + "\"last\":{\"x\":[[]]}}";
}

TEST(JsonReader, ACutDocumentIsRefusedAtEveryByte) {  // J-03
  const std::string document = long_document();
  ASSERT_GE(document.size(), 1'000U);
  ASSERT_EQ(verdict_of(document), Errc::none);
  GuardedBytes guarded(document.size());
  for (std::size_t size = 0; size < document.size(); ++size) {
    const std::string_view cut = std::string_view(document).substr(0, size);
    ASSERT_EQ(JsonAgreement::check(cut), "") << size;
    const std::string_view flush = text_of(guarded.hold(bytes_of(cut)));
    ASSERT_EQ(judge(flush).code(), Errc::json_invalid) << size;
    ASSERT_EQ(object_verdict_of(flush), Errc::json_invalid) << size;
  }
  // The same from the front, which begins in the middle of anything.
  for (std::size_t at = 1; at < document.size(); ++at) {
    ASSERT_EQ(JsonAgreement::check(std::string_view(document).substr(at)), "") << at;
  }
}

// An escape that ends 64 bytes behind another one, where a new block of the vector would begin, and the document too.
TEST(JsonReader, ACutBehindAnEscapeAtTheEndOfABlock) {  // J-03
  for (std::size_t between = 0; between <= 130; ++between) {
    const std::string cut = "\"\\n" + std::string(between, 'x') + "\\n";
    EXPECT_EQ(verdict_of(cut), Errc::json_invalid) << between;
    EXPECT_EQ(verdict_of(cut + "\""), Errc::none) << between;
  }
}

TEST(JsonReader, OneWrongByteAnywhere) {
  const std::string document = long_document();
  for (std::size_t at = 0; at < document.size(); ++at) {
    for (const char byte : {'\0', '\x1F', '"', '\\', '{', ']', ',', ':', ' ', '0', '\x80', '\xFF'}) {
      std::string other = document;
      other[at] = byte;
      ASSERT_EQ(JsonAgreement::check(other), "") << at << ' ' << static_cast<int>(byte);
    }
  }
}

TEST(JsonReader, IllFormedUtf8InKeysAndStrings) {  // J-06
  const std::string_view borders =
      "A\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xF8\xFC\xFE\xFF";
  std::size_t accepted = 0, refused = 0;
  const auto check = [&](const std::string& sequence) {
    const bool good = JsonReference::well_formed_utf8(sequence);
    for (const std::size_t distance : {std::size_t{0}, std::size_t{61}}) {
      const std::string padding(distance, 'x');
      const std::string in_string = "{\"k\":\"" + padding + sequence + "\"}";
      const std::string in_key = "{\"" + padding + sequence + "\":1}";
      ASSERT_EQ(!judge(in_string), good);
      ASSERT_EQ(!judge(in_key), good);
      ASSERT_EQ(object_verdict_of(in_key), good ? Errc::none : Errc::json_invalid);
    }
    ++(good ? accepted : refused);
  };
  for (const char first : borders) {
    check({first});
    for (const char second : borders) {
      check({first, second});
      for (const char third : borders) check({first, second, third});
    }
  }
  for (const char lead : {'\xF0', '\xF1', '\xF3', '\xF4', '\xF5'}) {
    for (const char second : borders) {
      for (const char third : borders) {
        for (const char fourth : borders) check({lead, second, third, fourth});
      }
    }
  }
  EXPECT_GT(accepted, 500U);
  EXPECT_GT(refused, 100'000U);
  EXPECT_EQ(judge("{\"a\":\"x\xFF\"}").offset(), 7U);
}

TEST(JsonReader, ControlCharactersAndDelete) {  // J-07
  for (int byte = 0; byte < 0x80; ++byte) {
    const bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
    const std::string text(1, static_cast<char>(byte));
    EXPECT_EQ(verdict_of("[\"a" + text + "x\"]") == Errc::none, plain) << byte;
    EXPECT_EQ(verdict_of("{\"a" + text + "x\":1}") == Errc::none, plain) << byte;
  }
}

TEST(JsonReader, DepthAtTheLimitAndBeyond) {  // J-12
  const json::Limits roomy{.bytes = 16 * 1024 * 1024, .nodes = 4'000'000};
  struct Shape {
    std::string_view open;
    std::string_view close;
    std::size_t levels;  // that one repetition of it opens
  };
  for (const Shape& shape : {Shape{"[", "]", 1}, Shape{"{\"a\":", "}", 1}, Shape{"[{\"a\":", "}]", 2}}) {
    const auto nested = [&shape](std::size_t levels) {
      const std::size_t times = levels / shape.levels;
      return repeat(shape.open, times) + "1" + repeat(shape.close, times);
    };
    EXPECT_EQ(verdict_of(nested(64), roomy), Errc::none) << shape.open;
    EXPECT_EQ(verdict_of(nested(64 + shape.levels), roomy), Errc::json_too_deep) << shape.open;
    EXPECT_EQ(judge(nested(1'000'000), roomy).code(), Errc::json_too_deep) << shape.open;
    // Not closed, and so cut off: the depth is what is met first.
    EXPECT_EQ(judge(repeat(shape.open, 1'000'000), roomy).code(), Errc::json_too_deep) << shape.open;
    // A walk over text that nobody validated counts brackets and needs no stack either.
    const std::string text = nested(1'000'000);
    json::Cursor cursor({text, text[0] == '{' ? json::Kind::object : json::Kind::array});
    json::Member member;
    EXPECT_TRUE(cursor.next(member));
    EXPECT_FALSE(cursor.next(member));
  }
  EXPECT_EQ(judge(repeat("[", 65) + repeat("]", 65)).offset(), 64U);
  // A smaller limit of the caller's; one beyond 64 is taken for 64.
  EXPECT_EQ(verdict_of("[[1]]", {.depth = 2}), Errc::none);
  EXPECT_EQ(verdict_of("[[[1]]]", {.depth = 2}), Errc::json_too_deep);
  EXPECT_EQ(verdict_of("1", {.depth = 0}), Errc::none);
  EXPECT_EQ(verdict_of("[]", {.depth = 0}), Errc::json_too_deep);
  EXPECT_EQ(verdict_of("{}", {.depth = 0}), Errc::json_too_deep);
  EXPECT_EQ(judge(repeat("[", 65) + repeat("]", 65), {.depth = 1'000}).code(), Errc::json_too_deep);
}

TEST(JsonReader, SizeAtTheLimitAndBeyond) {  // J-13
  const auto of_size = [](std::size_t size) { return "[\"" + std::string(size - 4, 'x') + "\"]"; };
  EXPECT_EQ(judge(of_size(limits::kJsonBytes)).code(), Errc::none);
  const Error error = judge(of_size(limits::kJsonBytes + 1));
  EXPECT_EQ(error.code(), Errc::json_too_large);
  EXPECT_EQ(error.culprit(), Culprit::limit);
  EXPECT_EQ(error.offset(), limits::kJsonBytes);
  EXPECT_EQ(verdict_of("[1]", {.bytes = 3}), Errc::none);
  EXPECT_EQ(verdict_of("[1] ", {.bytes = 3}), Errc::json_too_large);
}

TEST(JsonReader, ValuesAtTheLimitAndBeyond) {  // J-14
  const auto with = [](std::string_view item, std::size_t count) {
    return "[" + repeat(std::string(item) + ",", count - 1) + std::string(item) + "]";
  };
  for (const std::string_view item : {"0", "[]", "{}", "\"\""}) {
    EXPECT_EQ(judge(with(item, limits::kJsonNodes - 1)).code(), Errc::none) << item;
    EXPECT_EQ(judge(with(item, limits::kJsonNodes)).code(), Errc::json_too_large) << item;
    EXPECT_EQ(verdict_of(with(item, 9), {.nodes = 10}), Errc::none) << item;
    EXPECT_EQ(verdict_of(with(item, 10), {.nodes = 10}), Errc::json_too_large) << item;
  }
  EXPECT_EQ(verdict_of("{\"a\":{\"b\":1}}", {.nodes = 3}), Errc::none);
  EXPECT_EQ(verdict_of("{\"a\":{\"b\":1}}", {.nodes = 2}), Errc::json_too_large);
  json::Members<4> members;
  for (const std::size_t nodes : {3U, 2U, 1U, 0U}) {
    std::size_t count = 0;
    const Error error = json::read_object(bytes_of("{\"a\":0,\"b\":0}"), {.nodes = nodes}, members.room(), count);
    EXPECT_EQ(error.code(), nodes == 3 ? Errc::none : Errc::json_too_large) << nodes;
  }
  EXPECT_EQ(verdict_of("1", {.nodes = 1}), Errc::none);
  EXPECT_EQ(verdict_of("1", {.nodes = 0}), Errc::json_too_large);
}

// Found by json_differential_fuzz: text too short to hold more values than allowed, were it well-formed, was walked
// without counting, and a fault behind the limit was told in place of the limit.
TEST(JsonReader, TheFirstOfALimitAndAFaultIsTold) {
  EXPECT_EQ(verdict_of("[[[[[[[[[[[{~,},;]]", {.nodes = 10}), Errc::json_too_large);
  EXPECT_EQ(verdict_of("[[[[[[[[~[[[[,},;]]", {.nodes = 10}), Errc::json_invalid);
  EXPECT_EQ(verdict_of("[[[[[[[[[~]", {.nodes = 10}), Errc::json_invalid);
  EXPECT_EQ(verdict_of("[[[[[[[[[[~]", {.nodes = 10}), Errc::json_too_large);
  const Error error = judge("[[[[[[[[[[[{~,},;]]", {.nodes = 10});
  EXPECT_EQ(error.offset(), 10U);
}

// 100,000 keys alike but for their last characters, and as many equal ones: there is no table that they could crowd.
TEST(JsonReader, KeysChosenToCollideCostNoMore) {  // J-14
  const json::Limits roomy{.bytes = 8 * 1024 * 1024, .nodes = 200'000};
  std::string different = "{", equal = "{";
  for (int at = 0; at < 100'000; ++at) {
    different += "\"k" + std::to_string(100'000 + at) + "\":" + std::to_string(at) + (at == 99'999 ? "}" : ",");
    equal += "\"same\":" + std::to_string(at) + (at == 99'999 ? "}" : ",");
  }
  for (const std::string& document : {different, equal}) {
    json::Members<4> members;
    std::size_t count = 0;
    const std::uint64_t before = allocation_count();
    ASSERT_FALSE(json::read_object(bytes_of(document), roomy, members.room(), count));
    EXPECT_EQ(allocation_count(), before);
    EXPECT_EQ(count, 100'000U);
  }
  json::Value last;
  EXPECT_EQ(json::find_member({equal, json::Kind::object}, "same", last), 100'000U);
  EXPECT_EQ(last.raw, "99999");
}

TEST(JsonReader, MoreMembersThanRoom) {
  for (std::size_t room = 0; room < 5; ++room) {
    const auto members = std::make_unique<json::Member[]>(room);
    std::size_t count = 0;
    ASSERT_FALSE(json::read_object(bytes_of(R"({"a":1,"b":[2],"c":"3"})"), {}, {members.get(), room}, count));
    EXPECT_EQ(count, 3U);
    const std::string_view keys[] = {"a", "b", "c"}, raws[] = {"1", "[2]", "\"3\""};
    for (std::size_t at = 0; at < room && at < count; ++at) {
      EXPECT_EQ(members[at].key, keys[at]);
      EXPECT_EQ(members[at].value.raw, raws[at]);
    }
  }
  std::size_t count = 7;
  EXPECT_TRUE(json::read_object(bytes_of("{\"a\":}"), {}, {}, count));
  EXPECT_EQ(count, 0U);
}

TEST(JsonReader, EveryErrorSaysWhatWhereAndByWhichClause) {
  struct Row {
    std::string_view document;
    std::size_t offset;
    std::string_view clause;
  };
  const Row rows[] = {
      {"", 0, "RFC 8259 2"},
      {"[1,", 3, "RFC 8259 2"},
      {"[1 x]", 3, "RFC 8259 2"},
      {"{} x", 3, "RFC 8259 2"},
      {"[\"a\nb\"]", 3, "RFC 8259 7"},
      {"[\"\\x41\"]", 2, "RFC 8259 7"},
      {"[\"\\ud800\"]", 2, "RFC 8259 8.2"},
      {"[1.]", 3, "RFC 8259 6"},
      {"[1e999]", 1, "RFC 8259 6"},
      {"[nul]", 1, "RFC 8259 3"},
      {"[\"\xC3\"]", 3, "RFC 8259 8.1"},
  };
  for (const Row& row : rows) {
    const Error error = judge(row.document);
    EXPECT_EQ(error.code(), Errc::json_invalid) << row.document;
    EXPECT_EQ(error.offset(), row.offset) << row.document;
    EXPECT_EQ(error.clause(), row.clause) << row.document;
    EXPECT_EQ(error.culprit(), Culprit::peer_malformed);
  }
  json::Members<2> members;
  std::size_t count = 0;
  EXPECT_EQ(json::read_object(bytes_of(" [1]"), {}, members.room(), count).offset(), 1U);
}

TEST(JsonReader, AllocatesNothing) {
  const std::string document = long_document();
  std::uint8_t scratch[64];
  const std::uint64_t before = allocation_count();
  json::Members<48> members;
  std::size_t count = 0;
  ASSERT_FALSE(json::read_object(bytes_of(document), {}, members.room(), count));
  json::Value value;
  ASSERT_EQ(json::find_member(members.first(count), "s", value), 1U);
  std::string_view text;
  ASSERT_TRUE(value.text(scratch, text));
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(text, "a\"\\\xC3\xA9\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace axonpush::test
