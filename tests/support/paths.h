// Where the source tree and the build tree are, told by the build to one file only, so that the others compile alike
// wherever they stand.
#pragma once

#include <string>

namespace axonpush::test {

[[nodiscard]] std::string source_dir();
[[nodiscard]] std::string binary_dir();

}  // namespace axonpush::test
