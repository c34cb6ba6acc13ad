// What a certificate may be asked to prove.
#include "net/peer_name.h"

#include <gtest/gtest.h>

#include <string>

namespace axonpush::net::test {
namespace {

TEST(PeerName, TakesNamesAndAddresses) {  // RFC 1034 3.5, RFC 1123 2.1
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  struct Row {
    std::string host;
    std::string proved;
    bool is_address;
  };
  const Row rows[] = {{"a", "a", false},
                      {"iot.Example.COM", "iot.Example.COM", false},
                      {"x-1.example", "x-1.example", false},
                      {"example.com.", "example.com", false},
                      {"3com.example", "3com.example", false},
                      {label, label, false},
                      {longest, longest, false},
                      {"192.0.2.1", "192.0.2.1", true},
                      {"2001:db8::1", "2001:db8::1", true}};
  for (const Row& row : rows) {
    PeerName name;
    ASSERT_TRUE(name.assign(row.host).ok()) << row.host;
    EXPECT_EQ(name.view(), row.proved);
    EXPECT_EQ(std::string(name.c_str()), row.proved);
    EXPECT_EQ(name.is_address(), row.is_address);
  }
}

TEST(PeerName, RefusesWhatOpensslWouldTakeForSomethingElse) {
  const std::string label(63, 'a');
  const std::string too_long = label + "." + label + "." + label + "." + std::string(62, 'b');
  const std::string rows[] = {"",
                              ".",
                              "a..b",
                              ".a",
                              "a..",
                              "-a",
                              "a-",
                              "a-.b",
                              "a.-b",
                              "a_b",
                              "*.a",
                              "a b",
                              "a/b",
                              "a:1",
                              "[::1]",
                              "a\xC3\xA4",
                              std::string("a\0b", 3),
                              label + "a",
                              too_long,
                              "a`",
                              "a{",
                              "a@",
                              "a["};
  for (const std::string& row : rows) {
    PeerName name;
    EXPECT_EQ(name.assign(row).error().code(), Errc::invalid_argument) << row;
    EXPECT_TRUE(name.view().empty());
  }
}

}  // namespace
}  // namespace axonpush::net::test
