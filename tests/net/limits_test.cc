// FAULTS 3.4: the limits of `net` that have a count.
#include <axonpush/net/resolver.h>
#include <gtest/gtest.h>

#include <string>

namespace axonpush::net::test {
namespace {

TEST(LimitsNet, TheAddressesOfAName) {
  for (const std::size_t given : {limits::kDnsAddresses, limits::kDnsAddresses + 1}) {
    AddressCollector collector;
    for (std::size_t count = 1; count <= given; ++count) {
      IpAddress address;
      ASSERT_TRUE(IpAddress::parse("192.0.2." + std::to_string(count), address));
      collector.add(address);
    }
    const IpAddresses kept = collector.interleaved();
    ASSERT_EQ(kept.size(), limits::kDnsAddresses) << "the first ones are kept";
    EXPECT_EQ(kept[limits::kDnsAddresses - 1].bytes().back(), limits::kDnsAddresses);
  }
}

}  // namespace
}  // namespace axonpush::net::test
