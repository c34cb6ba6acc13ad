// FAULTS part 1 has sixty rows, R-01 to R-60. Each has a test that names it; none is skipped.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "support/paths.h"

namespace axonpush::test {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 60;
// Rows a client in virtual time cannot meet: they are about the process, its descriptors and its threads.
const std::set<int> kReal = {57, 58};

// The rows each test names: in the comment behind its first line, or in the lines of its name.
std::map<int, std::set<std::string>> rows_of(const fs::path& folder) {
  std::map<int, std::set<std::string>> rows;
  const std::regex test(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)\s*\{([^\n]*)\n)");
  const std::regex row(R"(R-(\d\d))");
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.path().filename().string().ends_with("_test.cc")) continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const std::string content = text.str();
    for (std::sregex_iterator found(content.begin(), content.end(), test), end; found != end; ++found) {
      const std::string name = (*found)[1].str() + "." + (*found)[2].str();
      const std::string comment = (*found)[3].str();
      for (std::sregex_iterator at(comment.begin(), comment.end(), row); at != end; ++at) {
        rows[std::stoi((*at)[1].str())].insert(name);
      }
    }
  }
  return rows;
}

TEST(TidyRows, EveryRowOfTheFaultMatrixHasATest) {
  const auto all = rows_of(source_dir() + std::string("/tests"));
  const auto scripted = rows_of(source_dir() + std::string("/tests/client"));
  for (int row = 1; row <= kRows; ++row) {
    const auto& tests = kReal.count(row) != 0 ? all : scripted;
    EXPECT_TRUE(tests.count(row) != 0) << "R-" << row << " has no test" << (kReal.count(row) ? "" : " in virtual time");
  }
  EXPECT_TRUE(all.empty() || all.rbegin()->first <= kRows) << "there is no row R-" << all.rbegin()->first;
}

// R-01 to R-30 exist once more against a loopback peer with real TLS, but for those that no peer causes within seconds;
// tests/interop/fault_rows_test.cc says why.
TEST(TidyRows, RowsThatALoopbackPeerCanCauseHaveATestWithRealTls) {
  const std::set<int> impossible = {11, 12, 13, 14, 27, 30};
  const auto real = rows_of(source_dir() + std::string("/tests/interop"));
  for (int row = 1; row <= 30; ++row) {
    EXPECT_EQ(real.count(row) != 0, impossible.count(row) == 0) << "R-" << row;
  }
}

TEST(TidyRows, ARowsTestIsNotSwitchedOff) {
  for (const auto& [row, tests] : rows_of(source_dir() + std::string("/tests"))) {
    for (const std::string& name : tests) {
      EXPECT_EQ(name.find("DISABLED_"), std::string::npos) << "R-" << row << ": " << name;
    }
  }
}

}  // namespace
}  // namespace axonpush::test
