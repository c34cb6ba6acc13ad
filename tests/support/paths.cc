#include "support/paths.h"

namespace axonpush::test {

std::string source_dir() { return AXONPUSH_SOURCE_DIR; }
std::string binary_dir() { return AXONPUSH_BINARY_DIR; }

}  // namespace axonpush::test
