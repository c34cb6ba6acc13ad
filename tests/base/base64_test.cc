#include "base/base64.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace axonpush {
namespace {

std::string encoded(std::string_view text) {
  std::string out(base64_size(text.size()), '?');
  EXPECT_EQ(base64_encode(bytes_of(text), out.data()), out.size());
  return out;
}
bool decoded(std::string_view text, std::string& out) {
  std::vector<std::uint8_t> room(text.size() / 4 * 3);
  std::size_t size = 0;
  if (!base64_decode(text, room, size)) return false;
  out.assign(text_of(Bytes(room).first(size)));
  return true;
}

// RFC 4648 10.
TEST(Base64, HasTheTestVectorsOfTheSpecification) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : rows) {
    EXPECT_EQ(encoded(plain), text);
    std::string back;
    EXPECT_TRUE(decoded(text, back)) << text;
    EXPECT_EQ(back, plain);
  }
  EXPECT_EQ(encoded("\xFB\xEF\xBE\xFF\xFF\xFF"), "++++////");
}

TEST(Base64, RefusesWhatIsNotTheOneSpelling) {
  const char* rows[] = {"Zm9{",  "Zm9\x7F", "Zm9\xE4", "Z",        "Zg",       "Zg=",   "Zg===",   "=",
                        "==",    "====",    "Z===",    "Zg==Zg==", "Zh==",     "Zm9=",  "Zg= ",    " Zg==",
                        "Zg\n=", "Zg=a",    "Z=g=",    "-_-_",     "Zm9v\r\n", "Zm9vY", "Zm9vYg=", "Zm9vYg==="};
  for (const char* row : rows) {
    std::string back;
    EXPECT_FALSE(decoded(row, back)) << row;
  }
}

TEST(Base64, RefusesWhatDoesNotFit) {
  std::uint8_t room[2];
  std::size_t size = 0;
  EXPECT_FALSE(base64_decode("Zm9v", room, size));
  EXPECT_TRUE(base64_decode("Zm8=", room, size));
  EXPECT_EQ(size, 2U);
}

TEST(Base64, BringsBackWhatItEncoded) {
  std::mt19937_64 random(11);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    std::string back;
    ASSERT_TRUE(decoded(encoded(text), back));
    ASSERT_EQ(back, text);
  }
}

}  // namespace
}  // namespace axonpush
