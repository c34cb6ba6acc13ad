// The README tells the truth: every block of code in it is compiled, linked and run (against a loopback service that
// knows its key), every command line of the tool is run, every error and limit stands in its table, no link is dead.
//
// A block without a main is a function's body; the comment in front of it says which:
//   <!-- body of: void handle(const axonpush::Error& error) -->
#include <axonpush/base/error.h>
#include <axonpush/testing/loopback_service.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/paths.h"

namespace axonpush::test {
namespace {

namespace fs = std::filesystem;

struct Block {
  std::size_t line = 0;
  std::string language;
  std::string body_of;  // of the comment in front
  std::string text;
};

std::string read_file(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

const std::string& readme() {
  static const std::string text = read_file(fs::path(source_dir()) / "README.md");
  return text;
}

std::vector<Block> blocks() {
  std::vector<Block> found;
  std::istringstream lines(readme());
  static const std::regex kBodyOf("<!-- body of: (.*) -->");
  std::string pending;
  std::size_t number = 0;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.rfind("```", 0) == 0) {
      if (!inside) found.push_back({.line = number, .language = line.substr(3), .body_of = pending, .text = {}});
      inside = !inside;
      pending.clear();
    } else if (inside) {
      found.back().text += line + "\n";
    } else if (std::smatch match; std::regex_match(line, match, kBodyOf)) {
      pending = match[1];
    }
  }
  EXPECT_FALSE(inside) << "a block does not end";
  return found;
}

std::vector<Block> blocks_in(const std::string& language) {
  std::vector<Block> chosen;
  for (Block& block : blocks()) {
    if (block.language == language) chosen.push_back(std::move(block));
  }
  return chosen;
}

// A folder below the build folder. It stays, so that a second run compiles only what has changed.
fs::path area(const std::string& name) {
  const fs::path folder = fs::path(binary_dir()) / "readme" / name;
  fs::create_directories(folder);
  return folder;
}

// The time of a file that did not change stays, and what was built from it too.
void write_if_new(const fs::path& path, const std::string& text) {
  if (read_file(path) != text) std::ofstream(path) << text;
}

struct Outcome {
  int code = -1;
  std::string output;
};
Outcome run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char block[4096];
  for (std::size_t got = 0; (got = std::fread(block, 1, sizeof block, pipe)) > 0;) outcome.output.append(block, got);
  const int status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

std::string compile_command(const fs::path& source, const fs::path& program, const std::string& more) {
  return std::string(AXONPUSH_CXX) + " -std=c++20 -Wall -Wextra -Werror -I" + source_dir() + "/include " +
         source.string() + " -o " + program.string() + " " + AXONPUSH_ARCHIVES + " -lssl -lcrypto -pthread " + more;
}

// The README's programs say "ak_..." and take the rest from the environment: here it leads them to this service.
class Service {
 public:
  Service() : service_({.api_key = "ak_...", .tenant_id = "org_..."}) {
    const std::string file = service_.write_ca_file().value();
    set("AXONPUSH_BASE_URL", service_.base_url());
    set("AXONPUSH_API_KEY", service_.api_key());
    set("AXONPUSH_TENANT_ID", service_.tenant_id());
    set("AXONPUSH_CA_FILE", file);
    set("SSL_CERT_FILE", file);  // OpenSSL's own: where the system's store is
  }
  ~Service() {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  testing::LoopbackService* operator->() { return &service_; }

 private:
  void set(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    names_.push_back(name);
  }
  testing::LoopbackService service_;
  std::vector<std::string> names_;
};

TEST(Readme, EveryBlockIsOfAKindThatIsTested) {
  for (const Block& block : blocks()) {
    const bool known = block.language == "cpp" || block.language == "sh" || block.language == "cmake" ||
                       block.language == "text";  // text: drawings
    EXPECT_TRUE(known) << "README.md:" << block.line << ": ```" << block.language;
    const bool whole =
        block.text.find("int main(") != std::string::npos || block.text.find("TEST(") != std::string::npos;
    if (block.language == "cpp" && !whole) {
      EXPECT_FALSE(block.body_of.empty()) << "README.md:" << block.line << ": nobody says what it is the body of";
    }
  }
  EXPECT_GE(blocks_in("cpp").size(), 8U);
}

TEST(Readme, EveryProgramRunsAgainstAService) {
  const fs::path folder = area("programs");
  std::size_t programs = 0;
  for (const Block& block : blocks_in("cpp")) {
    const bool tests = block.text.find("TEST(") != std::string::npos;
    if (!tests && block.text.find("int main(") == std::string::npos) continue;
    SCOPED_TRACE("README.md:" + std::to_string(block.line));
    ++programs;
    const fs::path source = folder / ("line_" + std::to_string(block.line) + ".cc");
    const fs::path program = folder / ("line_" + std::to_string(block.line));
    std::ofstream(source) << block.text;
    const Outcome compiled = run(compile_command(source, program, tests ? "-lgtest_main -lgtest" : ""));
    ASSERT_EQ(compiled.code, 0) << compiled.output;
    Service service;
    const Outcome ran = run(program.string());
    EXPECT_EQ(ran.code, 0) << ran.output;
    EXPECT_FALSE(ran.output.empty()) << "a program of the README shows something";
    if (!tests) {
      EXPECT_GE(service->stats().connects, 1U) << "it went to the service";
      EXPECT_EQ(service->stats().protocol_errors, 0U);
    }
  }
  EXPECT_GE(programs, 5U);
}

TEST(Readme, EveryFragmentCompilesAsTheBodyItIs) {
  const fs::path folder = area("fragments");
  const fs::path source = folder / "fragments.cc";
  std::ofstream stream(source);
  stream << "#include <axonpush/axonpush.h>\n#include <axonpush/chrono.h>\n#include <axonpush/trace.h>\n"
            "#include <cstdio>\n";
  std::size_t fragments = 0;
  for (const Block& block : blocks_in("cpp")) {
    if (block.body_of.empty()) continue;
    ++fragments;
    stream << block.body_of << " {\n#line " << block.line + 1 << " \"README.md\"\n" << block.text << "}\n";
  }
  stream << "int main() {\n  handle(axonpush::Error(axonpush::Errc::rate_limited, \"on purpose\"));\n"
            "  axonpush::ClientOptions client;\n  axonpush::FlightRecorder recorder;\n  recorder.record({});\n"
            "  keep(client, recorder);\n  axonpush::RealtimeOptions realtime;\n  tune(realtime);\n"
            "  return client.trace == &recorder && realtime.credentials_refresh_lead == axonpush::minutes(5) ? 0 : "
            "1;\n}\n";
  stream.close();
  EXPECT_EQ(fragments, 3U) << "main above calls each of them: add the new one";
  const fs::path program = folder / "fragments";
  const Outcome compiled = run(compile_command(source, program, ""));
  ASSERT_EQ(compiled.code, 0) << compiled.output;
  const Outcome ran = run(program.string());
  EXPECT_EQ(ran.code, 0) << ran.output;
  EXPECT_NE(ran.output.find("rate_limited: on purpose"), std::string::npos) << ran.output;
}

TEST(Readme, EveryCommandOfTheToolRuns) {
  const std::string tool = "build/axonpush";
  std::size_t commands = 0;
  for (const Block& block : blocks_in("sh")) {
    std::istringstream lines(block.text);
    for (std::string line; std::getline(lines, line);) {
      SCOPED_TRACE(line);
      if (line.rfind(tool + " ", 0) != 0) {
        // The two commands: what they build must be there; that they work is what runs this very test.
        ASSERT_NE(line.find("cmake -S . -B build && cmake --build build"), std::string::npos);
        const std::string target = line.substr(line.find("--target ") + 9);
        EXPECT_NE(read_file(fs::path(source_dir()) / "CMakeLists.txt").find("add_custom_target(" + target),
                  std::string::npos);
        continue;
      }
      ++commands;
      Service service;
      const Outcome ran = run(std::string(AXONPUSH_TOOL) + line.substr(tool.size()));
      EXPECT_EQ(ran.code, 0) << ran.output;
    }
  }
  EXPECT_GE(commands, 5U);
}

TEST(Readme, EveryCmakeBlockBuildsTheFirstProgram) {
  const fs::path folder = area("cmake");
  const fs::path prefix = folder / "prefix";
  const Outcome installed = run("cmake --install " + binary_dir() + " --prefix " + prefix.string());
  ASSERT_EQ(installed.code, 0) << installed.output;
  const std::vector<Block> programs = blocks_in("cpp");
  ASSERT_FALSE(programs.empty());
  std::size_t number = 0;
  for (const Block& block : blocks_in("cmake")) {
    SCOPED_TRACE("README.md:" + std::to_string(block.line));
    const fs::path project = folder / ("block_" + std::to_string(++number));
    fs::create_directories(project);
    write_if_new(project / "CMakeLists.txt", block.text);
    write_if_new(project / "main.cc", programs.front().text);
    // CMake's own way to say where fetched sources are already.
    const Outcome built =
        run("cmake -S " + project.string() + " -B " + project.string() +
            "/build -DCMAKE_PREFIX_PATH=" + prefix.string() + " -DFETCHCONTENT_SOURCE_DIR_AXONPUSH=" + source_dir() +
            " -DCMAKE_CXX_COMPILER=" + AXONPUSH_CXX + " -DCMAKE_CXX_COMPILER_LAUNCHER=" + AXONPUSH_LAUNCHER +
            " && cmake --build " + project.string() + "/build -j 2");
    ASSERT_EQ(built.code, 0) << built.output;
    Service service;
    const Outcome ran = run(project.string() + "/build/my_server");
    EXPECT_EQ(ran.code, 0) << ran.output;
  }
}

// --- Tables and links

TEST(Readme, EveryErrorStandsInItsTable) {
  for (std::size_t code = 1; code < kErrcCount; ++code) {
    const std::string name(name_of(static_cast<Errc>(code)));
    EXPECT_NE(readme().find("`" + name + "`"), std::string::npos) << name << ": what is a user to do about it?";
  }
}

// "seconds(30)" as "30 s", "8 * 1024" as "8 KiB", "1'000" as "1,000".
std::string shown(const std::string& value) {
  static const std::map<std::string, std::string> kUnits = {
      {"milliseconds", "ms"}, {"seconds", "s"}, {"hours", "h"}, {"minutes", "min"}};
  std::smatch match;
  if (std::regex_match(value, match, std::regex("([a-z]+)\\((\\d+)\\)"))) {
    return match[2].str() + " " + kUnits.at(match[1].str());
  }
  if (std::regex_match(value, match, std::regex("(\\d+) \\* 1024"))) return match[1].str() + " KiB";
  if (std::regex_match(value, match, std::regex("(\\d+) \\* 1024 \\* 1024"))) return match[1].str() + " MiB";
  return std::regex_replace(value, std::regex("'"), ",");
}

TEST(Readme, EveryLimitStandsInItsTableWithItsValue) {
  std::istringstream lines(read_file(fs::path(source_dir()) / "include/axonpush/limits.h"));
  static const std::regex kLimit("inline constexpr [A-Za-z0-9_:]+ (k[A-Za-z0-9]+) = ([^;]+);.*");
  std::size_t limits = 0;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kLimit)) continue;
    ++limits;
    const std::string row = "| `" + match[1].str() + "` | " + shown(match[2].str()) + " | ";
    EXPECT_NE(readme().find(row), std::string::npos) << "the table of limits lacks: " << row;
  }
  EXPECT_GT(limits, 70U);
  // And none that is gone.
  const std::string header = read_file(fs::path(source_dir()) / "include/axonpush/limits.h");
  static const std::regex kRow("\\| `(k[A-Z][A-Za-z0-9]+)` \\|");
  for (std::sregex_iterator at(readme().begin(), readme().end(), kRow), end; at != end; ++at) {
    EXPECT_NE(header.find(" " + (*at)[1].str() + " "), std::string::npos) << (*at)[1].str() << " is no limit any more";
  }
}

TEST(Readme, NoLinkIsDead) {
  static const std::regex kLink("\\]\\(([^)#:]+)(#[^)]*)?\\)");
  std::size_t links = 0;
  for (std::sregex_iterator at(readme().begin(), readme().end(), kLink), end; at != end; ++at) {
    ++links;
    EXPECT_TRUE(fs::exists(fs::path(source_dir()) / (*at)[1].str())) << (*at)[1].str();
  }
  EXPECT_GT(links, 10U);
  // Anchors: the heading in small letters, spaces as hyphens, other signs dropped.
  std::string headings;
  std::istringstream lines(readme());
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("## ", 0) != 0) continue;
    headings += "#";
    for (const char letter : line.substr(3)) {
      if (std::isalnum(static_cast<unsigned char>(letter)) != 0) {
        headings += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
      } else if (letter == ' ') {
        headings += '-';
      }
    }
    headings += "\n";
  }
  static const std::regex kAnchor("\\]\\((#[^)]+)\\)");
  for (std::sregex_iterator at(readme().begin(), readme().end(), kAnchor), end; at != end; ++at) {
    EXPECT_NE(headings.find((*at)[1].str() + "\n"), std::string::npos) << (*at)[1].str();
  }
}

}  // namespace
}  // namespace axonpush::test
