// CONTRACT 1: what the environment says where an option does not.
#include "net/environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

namespace axonpush::net::test {
namespace {

constexpr const char* kVariables[] = {"AXONPUSH_API_KEY",     "AXONPUSH_TENANT_ID",  "AXONPUSH_ORG_ID",
                                      "AXONPUSH_APP_ID",      "AXONPUSH_CHANNEL_ID", "AXONPUSH_BASE_URL",
                                      "AXONPUSH_ENVIRONMENT", "AXONPUSH_TIMEOUT",    "AXONPUSH_MAX_RETRIES"};

struct Environment : public ::testing::Test {
  Environment() { clear(); }
  ~Environment() override { clear(); }
  static void clear() {
    for (const char* name : kVariables) ::unsetenv(name);
  }
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
};

TEST_F(Environment, FillsInWhatWasNotGiven) {
  for (const char* name : kVariables) set(name, std::string("of ") + name);
  set("AXONPUSH_TIMEOUT", "2.5");
  set("AXONPUSH_MAX_RETRIES", "7");
  ClientOptions options;
  ASSERT_FALSE(apply_environment(options));
  EXPECT_EQ(options.api_key, "of AXONPUSH_API_KEY");
  EXPECT_EQ(options.tenant_id, "of AXONPUSH_TENANT_ID");
  EXPECT_EQ(options.app_id, "of AXONPUSH_APP_ID");
  EXPECT_EQ(options.channel_id, "of AXONPUSH_CHANNEL_ID");
  EXPECT_EQ(options.base_url, "of AXONPUSH_BASE_URL");
  EXPECT_EQ(options.environment, "of AXONPUSH_ENVIRONMENT");
  EXPECT_EQ(options.timeout, milliseconds(2'500));
  EXPECT_EQ(options.max_retries, 7U);
}

TEST_F(Environment, LeavesAloneWhatWasGiven) {
  for (const char* name : kVariables) set(name, "17");
  ClientOptions options;
  options.api_key = options.tenant_id = options.app_id = options.channel_id = "given";
  options.base_url = options.environment = "given";
  options.timeout = seconds(1);
  options.max_retries = 0;
  ASSERT_FALSE(apply_environment(options));
  for (const std::string* text : {&options.api_key, &options.tenant_id, &options.app_id, &options.channel_id,
                                  &options.base_url, &options.environment}) {
    EXPECT_EQ(*text, "given");
  }
  EXPECT_EQ(options.timeout, seconds(1));
  EXPECT_EQ(options.max_retries, 0U);
  // A bearer token is a key too, and two keys would be one too many.
  ClientOptions bearer;
  bearer.bearer_token = "given";
  ASSERT_FALSE(apply_environment(bearer));
  EXPECT_TRUE(bearer.api_key.empty());
}

TEST_F(Environment, KnowsTheOtherNameOfATenant) {
  set("AXONPUSH_ORG_ID", "org");
  ClientOptions options;
  ASSERT_FALSE(apply_environment(options));
  EXPECT_EQ(options.tenant_id, "org");
  set("AXONPUSH_TENANT_ID", "tenant");
  options.tenant_id.clear();
  ASSERT_FALSE(apply_environment(options));
  EXPECT_EQ(options.tenant_id, "tenant");
}

TEST_F(Environment, SaysNothingWhereItIsEmpty) {
  for (const char* name : kVariables) set(name, "");
  ClientOptions options;
  ASSERT_FALSE(apply_environment(options));
  EXPECT_TRUE(options.api_key.empty());
  EXPECT_EQ(options.timeout, Duration::zero());
  EXPECT_EQ(options.max_retries, UINT32_MAX);
}

TEST_F(Environment, ReadsSecondsWithDecimals) {
  const std::pair<const char*, Duration> good[] = {{"1", seconds(1)},
                                                   {"030", seconds(30)},
                                                   {"0.001", milliseconds(1)},
                                                   {"1.25", milliseconds(1'250)},
                                                   {"0.0000000019", nanoseconds(1)},
                                                   {"1000000", seconds(1'000'000)}};
  for (const auto& [text, expected] : good) {
    set("AXONPUSH_TIMEOUT", text);
    ClientOptions options;
    EXPECT_FALSE(apply_environment(options)) << text;
    EXPECT_EQ(options.timeout, expected) << text;
  }
  for (const char* bad : {"0", "0.0", "-1", "+1", "1s", "1.", ".5", "1.5s", "1.-5", "1,5", " 1", "1 ", "1e3", "1000001",
                          "x", "99999999999999999999"}) {
    set("AXONPUSH_TIMEOUT", bad);
    ClientOptions options;
    const Error error = apply_environment(options);
    EXPECT_EQ(error.code(), Errc::invalid_argument) << bad;
    EXPECT_EQ(error.what().substr(0, 16), "AXONPUSH_TIMEOUT");
    EXPECT_EQ(options.timeout, Duration::zero()) << bad;
  }
}

TEST_F(Environment, ReadsWholeRetries) {
  for (const char* good : {"0", "3", "1000"}) {
    set("AXONPUSH_MAX_RETRIES", good);
    ClientOptions options;
    EXPECT_FALSE(apply_environment(options)) << good;
    EXPECT_EQ(std::to_string(options.max_retries), good);
  }
  for (const char* bad : {"-1", "1001", "1.5", "3.", "three", "4294967296"}) {
    set("AXONPUSH_MAX_RETRIES", bad);
    ClientOptions options;
    const Error error = apply_environment(options);
    EXPECT_EQ(error.code(), Errc::invalid_argument) << bad;
    EXPECT_EQ(error.what().substr(0, 20), "AXONPUSH_MAX_RETRIES");
    EXPECT_EQ(options.max_retries, UINT32_MAX) << bad;
  }
}

}  // namespace
}  // namespace axonpush::net::test
