// The index of known keys: every name is found, and nothing that is nearly a name.
#include "json/key_index.h"

#include <gtest/gtest.h>

#include <string>

#include "support/guarded_bytes.h"

namespace axonpush::test {
namespace {

// Every length class of the comparison: one byte, two, three, 4 to 7, 8 to 16, 17, more.
constexpr std::string_view kNames[] = {"a",
                                       "id",
                                       "ttl",
                                       "name",
                                       "eventId",
                                       "channelId",
                                       "sixteenBytes_16x",
                                       "seventeenBytes_17",
                                       "aNameOfMoreThanSixteenBytes"};
constexpr json::KeyIndex<std::size(kNames)> kIndex(kNames);

TEST(KeyIndex, FindsEveryNameAndNothingElse) {
  GuardedBytes guarded(64);
  for (std::size_t at = 0; at < std::size(kNames); ++at) {
    const std::string name(kNames[at]);
    EXPECT_EQ(kIndex.name(at), name);
    EXPECT_EQ(kIndex.find(text_of(guarded.hold(bytes_of(name)))), at);
    EXPECT_EQ(kIndex.find_quoted(std::string_view('"' + name + '"').substr(1, name.size())), at);
    for (std::size_t place = 0; place < name.size(); ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string other = name;
        other[place] = static_cast<char>(byte);
        std::size_t expected = kIndex.kNone;
        for (std::size_t index = 0; index < std::size(kNames); ++index) {
          if (kNames[index] == other) expected = index;
        }
        ASSERT_EQ(kIndex.find(text_of(guarded.hold(bytes_of(other)))), expected) << other;
      }
    }
    EXPECT_EQ(kIndex.find(name + "x"), kIndex.kNone);
    EXPECT_EQ(kIndex.find(name + std::string(1, '\0')), kIndex.kNone);  // J-17
    EXPECT_EQ(kIndex.find(std::string_view(name).substr(1)), kIndex.kNone);
    EXPECT_EQ(kIndex.find(name + name), kIndex.kNone);
  }
  EXPECT_EQ(kIndex.find(""), kIndex.kNone);
  EXPECT_EQ(kIndex.find_quoted(std::string_view("\"\"").substr(1, 0)), kIndex.kNone);
}

}  // namespace
}  // namespace axonpush::test
