// What the JSON tests share: one document judged flush against a page that may not be touched, and by the slow
// reference.
#pragma once

#include <axonpush/json/reader.h>
#include <gtest/gtest.h>

#include <string>

#include "support/guarded_bytes.h"
#include "support/json_agreement.h"

namespace axonpush::test {

inline std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t at = 0; at < times; ++at) all += text;
  return all;
}

// The error of `validate`, by the library alone.
inline Error judge(std::string_view document, const json::Limits& limits = {}) {
  json::Value root;
  Error error = json::validate(bytes_of(document), limits, root);
  EXPECT_EQ(static_cast<bool>(error), root.kind == json::Kind::absent);
  if (error) {
    EXPECT_FALSE(error.what().empty());
    EXPECT_FALSE(error.clause().empty());
    EXPECT_LE(error.offset(), document.size());
  }
  return error;
}

// The same with everything that is known held to it: the reference, every variant, and the guard page.
inline Errc verdict_of(std::string_view document, const json::Limits& limits = {}) {
  EXPECT_EQ(JsonAgreement::check(document, limits), "") << document.substr(0, 200);
  GuardedBytes guarded(document.size());
  const Errc code = judge(text_of(guarded.hold(bytes_of(document))), limits).code();
  EXPECT_EQ(code, judge(document, limits).code());
  return code;
}

inline Errc object_verdict_of(std::string_view document) {
  json::Members<16> members;
  std::size_t count = 0;
  return json::read_object(bytes_of(document), {}, members.room(), count).code();
}

}  // namespace axonpush::test
