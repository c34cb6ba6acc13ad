// Input: a byte that chooses the limits, then a document. The reader, and every variant of its walk, says the same of
// it as the slow reference: verdict, members, every value, and the offset within the document.
#include <cstdio>

#include "choices.h"
#include "support/json_agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace axonpush;
  if (size == 0 || size > 8'192) return 0;
  json::Limits limits;
  if ((data[0] & 1U) != 0) limits.depth = 3;
  if ((data[0] & 2U) != 0) limits.nodes = 10;
  if ((data[0] & 4U) != 0) limits.bytes = 100;
  const std::string said = test::JsonAgreement::check(text_of({data + 1, size - 1}), limits);
  if (!said.empty()) {
    std::fprintf(stderr, "%s\n", said.c_str());
    __builtin_trap();
  }
  return 0;
}
