// Strings, topic names and filters: the fast paths against the reference's byte-by-byte judgement, and matching against
// an oracle that tries every way.
#include <axonpush/mqtt/packet.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "mqtt/text.h"
#include "support/guarded_bytes.h"
#include "support/mqtt_reference.h"

namespace axonpush::test {
namespace {

using mqtt::TextFault;
using mqtt::TextKind;

// The reference judges the text as the topic of a PUBLISH.
bool reference_takes(const std::string& text) {
  std::vector<std::uint8_t> packet = {0x30, 0, static_cast<std::uint8_t>(text.size() >> 8),
                                      static_cast<std::uint8_t>(text.size())};
  packet.insert(packet.end(), text.begin(), text.end());
  packet.push_back(0);
  packet[1] = static_cast<std::uint8_t>(packet.size() - 2);
  return reference::decode(packet, true, 1'000).verdict == "accept";
}

TEST(MqttText, EveryShortString) {  // M-14, M-15, M-24
  for (std::uint32_t word = 0; word < 1U << 16; ++word) {
    const std::string text = {static_cast<char>(word), static_cast<char>(word >> 8)};
    ASSERT_EQ(mqtt::topic_name_valid(text), reference_takes(text)) << std::hex << word;
  }
  // Four bytes, in front and behind those of the sequences that matter most.
  for (std::uint64_t word = 0; word < std::uint64_t{1} << 32; word += 65'521) {
    const std::string text = {static_cast<char>(word >> 24), static_cast<char>(word >> 16),
                              static_cast<char>(word >> 8), static_cast<char>(word)};
    ASSERT_EQ(mqtt::topic_name_valid(text), reference_takes(text)) << std::hex << word;
  }
  for (unsigned lead = 0xE0; lead < 0x100; ++lead) {
    for (unsigned second = 0; second < 0x100; ++second) {
      for (const char* tail : {"", "\x80", "\xBF", "\x80\x80", "\xBF\xBF", "\x80\x41", "\xC0\x80"}) {
        const std::string text = std::string{static_cast<char>(lead), static_cast<char>(second)} + tail;
        ASSERT_EQ(mqtt::topic_name_valid(text), reference_takes(text)) << lead << " " << second << " " << tail;
      }
    }
  }
}

TEST(MqttText, FastPathAtEverySizeAndPlace) {
  GuardedBytes guarded(4096);
  for (std::size_t size = 0; size <= 200; ++size) {
    const MutableBytes text = guarded.last(size);
    std::fill(text.begin(), text.end(), std::uint8_t{'a'});
    EXPECT_TRUE(mqtt::utf8_string_valid(text));
    for (std::size_t at = 0; at < size; ++at) {
      for (const unsigned byte : {0x00U, 0x01U, 0x22U, 0x23U, 0x24U, 0x2AU, 0x2BU, 0x2CU, 0x7FU, 0x80U, 0xA3U, 0xABU}) {
        text[at] = static_cast<std::uint8_t>(byte);
        const bool plain = byte != 0 && byte < 0x80;
        const bool wild = byte == '#' || byte == '+';
        ASSERT_EQ(mqtt::plain_text<TextKind::string>(text.data(), size), plain) << size << " " << at << " " << byte;
        ASSERT_EQ(mqtt::plain_text<TextKind::topic>(text.data(), size), plain && !wild) << size << " " << at;
        ASSERT_EQ(mqtt::utf8_string_valid(text), plain);
        ASSERT_EQ(mqtt::topic_name_valid(text_of(Bytes(text))), plain && !wild);
      }
      text[at] = 'a';
    }
  }
}

TEST(MqttText, SaysWhichFault) {
  const auto judge = [](std::string_view text) {
    return mqtt::check_text<TextKind::topic>(bytes_of(text).data(), text.size());
  };
  EXPECT_EQ(judge("a/b"), TextFault::none);
  EXPECT_EQ(judge("\xC3\xA9/b"), TextFault::none);
  EXPECT_EQ(judge("a/\xFF"), TextFault::ill_formed);
  EXPECT_EQ(judge(std::string_view("a\0b", 3)), TextFault::null);
  EXPECT_EQ(judge("\xC3\xA9/+"), TextFault::wildcard);
  EXPECT_EQ(judge(""), TextFault::none);
}

TEST(MqttTopic, Names) {
  EXPECT_FALSE(mqtt::topic_name_valid(""));  // [MQTT-4.7.3-1]
  EXPECT_TRUE(mqtt::topic_name_valid("/"));
  EXPECT_TRUE(mqtt::topic_name_valid("$SYS/x"));
  EXPECT_TRUE(mqtt::topic_name_valid(std::string(65'535, 'x')));
  EXPECT_FALSE(mqtt::topic_name_valid(std::string(65'536, 'x')));
  EXPECT_FALSE(mqtt::utf8_string_valid(std::vector<std::uint8_t>(65'536, 'x')));
}

TEST(MqttTopic, Filters) {  // T-06
  for (const char* good : {"a", "/", "//", "#", "+", "a/#", "/#", "+/+", "+/a/#", "a/+/b", "$share/n/a", "$share/n/#",
                           "$share/n//", "$share", "$SYS/#", "$sharex/+", "\xC3\xA9/+"}) {
    EXPECT_TRUE(mqtt::topic_filter_valid(good)) << good;
  }
  for (const char* bad : {"",          "a+",         "+a",          "a/+b",        "a#",      "#a",        "#/",
                          "a/#/b",     "##",         "++",          "+/#/",        "$share/", "$share//a", "$share/n",
                          "$share/n/", "$share/+/a", "$share/n#/a", "$share/n/a#", "\xFF",    "a/\xC3"}) {
    EXPECT_FALSE(mqtt::topic_filter_valid(bad)) << bad;
  }
  EXPECT_FALSE(mqtt::topic_filter_valid(std::string_view("a\0b", 3)));
  EXPECT_FALSE(mqtt::topic_filter_valid(std::string(65'536, 'x')));
}

std::vector<std::string> levels_of(const std::string& text) {
  std::vector<std::string> levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back().push_back(c);
    }
  }
  return levels;
}

// MQTT 5 4.7, level by level.
bool oracle_matches(const std::string& filter, const std::string& topic) {
  if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;
  const std::vector<std::string> wanted = levels_of(filter);
  const std::vector<std::string> given = levels_of(topic);
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (wanted[at] == "#") return at <= given.size();
    if (at == given.size()) return false;
    if (wanted[at] != "+" && wanted[at] != given[at]) return false;
  }
  return wanted.size() == given.size();
}

std::vector<std::string> words_over(std::string_view alphabet, std::size_t longest) {
  std::vector<std::string> words = {""};
  std::size_t begin = 0;
  for (std::size_t size = 1; size <= longest; ++size) {
    const std::size_t end = words.size();
    for (std::size_t at = begin; at < end; ++at) {
      for (const char c : alphabet) words.push_back(words[at] + c);
    }
    begin = end;
  }
  words.erase(words.begin());
  return words;
}

TEST(MqttTopic, MatchesAsTheOracleDoes) {  // T-05: every filter of up to 5 characters with every topic of up to 5
  std::vector<std::string> filters;
  for (const std::string& word : words_over("ab+#/", 5)) {
    if (mqtt::topic_filter_valid(word)) filters.push_back(word);
  }
  std::vector<std::string> topics = words_over("ab/", 5);
  for (const char* system : {"$", "$a", "$/a", "$a/b", "a/$"}) topics.emplace_back(system);
  ASSERT_GT(filters.size(), 300U);
  std::size_t matches = 0;
  for (const std::string& filter : filters) {
    for (const std::string& topic : topics) {
      const bool match = mqtt::topic_matches(filter, topic);
      ASSERT_EQ(match, oracle_matches(filter, topic)) << filter << " " << topic;
      matches += match ? 1 : 0;
    }
  }
  EXPECT_GT(matches, 1'000U);
}

TEST(MqttTopic, AnEmptyFilterMatchesNothing) {  // [MQTT-4.7.3-1]: there is none such
  EXPECT_FALSE(mqtt::topic_matches("", "a"));
  EXPECT_FALSE(mqtt::topic_matches("", "$SYS"));
}

TEST(MqttTopic, MatchesManyLevelsInOnePass) {  // T-12, CVE-2019-11779
  const std::string slashes(65'000, '/');
  EXPECT_TRUE(mqtt::topic_matches("#", slashes));
  EXPECT_TRUE(mqtt::topic_matches("+/#", slashes));
  EXPECT_FALSE(mqtt::topic_matches("+/+", slashes));
  EXPECT_TRUE(mqtt::topic_matches(slashes, slashes));
  EXPECT_TRUE(mqtt::topic_name_valid(slashes));
  EXPECT_TRUE(mqtt::topic_filter_valid(slashes));
}

}  // namespace
}  // namespace axonpush::test
