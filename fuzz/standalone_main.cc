// Replays files and folders through a fuzz target without libFuzzer: how `check` keeps every target and corpus alive.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int replay(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    std::fprintf(stderr, "cannot read %s\n", file.c_str());
    return 1;
  }
  const std::vector<char> content{std::istreambuf_iterator<char>(stream), {}};
  // A copy of exactly the size, so that a sanitizer sees the first byte read past it.
  const auto exact = std::make_unique<std::uint8_t[]>(content.size());
  std::copy(content.begin(), content.end(), reinterpret_cast<char*>(exact.get()));
  LLVMFuzzerTestOneInput(exact.get(), content.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int failures = 0;
  std::size_t replayed = 0;
  for (int at = 1; at < argc; ++at) {
    const std::filesystem::path path = argv[at];
    if (!std::filesystem::is_directory(path)) {
      failures += replay(path);
      ++replayed;
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) failures += replay(file);
    replayed += files.size();
  }
  std::printf("replayed %zu inputs\n", replayed);
  return failures != 0 || replayed == 0 ? 1 : 0;
}
