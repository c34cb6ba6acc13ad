// Runs one of the tool's decoders inside the test, with stdin from a file.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/paths.h"
#include "tool/command.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

struct Outcome {
  int exit_code = 0;
  std::string text;
};

inline Outcome run_decode(int (*decoder)(Arguments), const std::vector<std::string_view>& words,
                          const std::string& input = {}) {
  std::FILE* const file = std::tmpfile();
  std::fwrite(input.data(), 1, input.size(), file);
  std::rewind(file);
  const int kept = dup(0);
  std::clearerr(stdin);
  dup2(fileno(file), 0);
  testing::internal::CaptureStdout();
  Outcome outcome;
  outcome.exit_code = decoder(words);
  std::fflush(stdout);
  outcome.text = testing::internal::GetCapturedStdout();
  dup2(kept, 0);
  close(kept);
  std::fclose(file);
  return outcome;
}

// Each line of `text`, parsed. The test fails when one is no JSON.
inline std::vector<JsonNode> parse_lines(const std::string& text) {
  std::vector<JsonNode> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    std::string error;
    lines.emplace_back();
    EXPECT_TRUE(parse_json(std::string_view(text).substr(at, end - at), lines.back(), error)) << error;
    at = end + 1;
  }
  return lines;
}

// A file of the shared vectors beside the checkout; empty when it is not there.
inline std::string shared_vectors(const std::string& name) {
  std::ifstream file(axonpush::test::source_dir() + "/../shared/vectors/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Equal values, whatever the order of an object's members.
inline bool same(const JsonNode& left, const JsonNode& right) {
  if (left.kind != right.kind || left.boolean != right.boolean || left.text != right.text ||
      left.items.size() != right.items.size()) {
    return false;
  }
  for (std::size_t at = 0; at < left.items.size(); ++at) {
    const JsonNode* const other = left.kind == JsonNode::Kind::object ? right.find(left.names[at]) : &right.items[at];
    if (other == nullptr || !same(left.items[at], *other)) return false;
  }
  return true;
}

}  // namespace axonpush::tool
