// The reader against rows of data and against the slow reference (support/json_reference.h).
#include <axonpush/json/reader.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "support/allocations.h"
#include "support/json_agreement.h"

namespace axonpush::test {
namespace {

Errc verdict_of(std::string_view document, json::Limits limits = {}) {
  EXPECT_EQ(JsonAgreement::check(document, limits), "") << document.substr(0, 200);
  json::Value root;
  return json::validate(bytes_of(document), limits, root).code();
}
Errc object_verdict_of(std::string_view document) {
  json::Members<16> members;
  std::size_t count = 0;
  return json::read_object(bytes_of(document), {}, members.room(), count).code();
}
std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t at = 0; at < times; ++at) all += text;
  return all;
}

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

}  // namespace
}  // namespace axonpush::test
