// The documents that the peers are asked about: the fuzz targets' corpora, a list of hard ones, and seeded mutations.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "support/paths.h"

namespace axonpush::test {

inline std::vector<std::string> corpus_documents() {
  // Where in a file of each corpus the document begins.
  struct Corpus {
    const char* name;
    std::size_t skip;
  };
  std::vector<std::string> documents;
  for (const Corpus& corpus : {Corpus{"json_reader_fuzz", 1}, Corpus{"json_differential_fuzz", 1},
                               Corpus{"event_fuzz", 0}, Corpus{"credentials_fuzz", 17}}) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/fuzz/corpus/" + corpus.name)) {
      files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      std::ifstream stream(file, std::ios::binary);
      std::string content{std::istreambuf_iterator<char>(stream), {}};
      std::size_t skip = corpus.skip;
      if (std::string_view(corpus.name) == "event_fuzz" && content.size() > 2) {
        // A byte of flags, then the topic and the prefix behind their lengths.
        skip = std::size_t{2} + static_cast<unsigned char>(content[1]);
        if (skip < content.size()) skip += std::size_t{1} + static_cast<unsigned char>(content[skip]);
      }
      if (skip <= content.size()) documents.push_back(content.substr(skip));
    }
  }
  for (const char* document :
       {"[0.1,1e23,2.2250738585072011e-308,5e-324,1.7976931348623157e308,9007199254740993,-0,-0.0,0e5]",
        "[123456789012345678901234567890,0.000000000000000000000000000000000000000000001,1e-400,4.9406564584124654e-"
        "324]",
        "{\"__proto__\":1,\"constructor\":2,\"toString\":[],\"10\":1,\"9\":2,\"\":3}", "\"\\u2028\\u2029\\ufeff\"",
        "[\"\\u0000\",\"\\ud83d\\ude00\",\"\\uffff\"]", "{\"a\":{\"a\":{\"a\":[]}},\"a\":1}"}) {
    documents.emplace_back(document);
  }
  return documents;
}

inline std::vector<std::string> mutations(const std::vector<std::string>& seeds, std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  const std::string_view pieces[] = {"{",
                                     "}",
                                     "[",
                                     "]",
                                     ":",
                                     ",",
                                     "\"",
                                     "\\",
                                     " ",
                                     "\n",
                                     "0",
                                     "1",
                                     "9",
                                     "-",
                                     "+",
                                     ".",
                                     "e",
                                     "E",
                                     "true",
                                     "null",
                                     "\\u0041",
                                     "\\ud83d\\ude00",
                                     "\\ud83d",
                                     "\\udc00",
                                     "\\n",
                                     "\xC3\xA9",
                                     "\xC3",
                                     "\x80",
                                     "\xF0\x9F\x98\x80",
                                     "\xED\xA0\x80",
                                     "\x01",
                                     "\x7F",
                                     "1e308",
                                     "1e309",
                                     "18446744073709551615",
                                     "9007199254740993",
                                     "{\"a\":1}",
                                     "[1]",
                                     "\"a\":"};
  std::vector<std::string> documents;
  documents.reserve(count);
  while (documents.size() < count) {
    std::string document = seeds[random() % seeds.size()];
    if (document.size() > 2'000) document.resize(random() % 2'000);
    for (std::size_t edits = 1 + random() % 3; edits != 0; --edits) {
      const std::size_t at = random() % (document.size() + 1);
      const std::string_view piece = pieces[random() % std::size(pieces)];
      switch (random() % 4) {
        case 0:
          document.insert(at, piece);
          break;
        case 1:
          document.replace(at, std::min<std::size_t>(piece.size(), document.size() - at), piece);
          break;
        case 2:
          document.erase(at, 1 + random() % 4);
          break;
        default: {
          const std::string& other = seeds[random() % seeds.size()];
          const std::size_t from = random() % (other.size() + 1);
          document.insert(at, other.substr(from, random() % 40));
        }
      }
    }
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace axonpush::test
