// Another program as a child of a test, and a way to tell that it is missing.
#pragma once

#include <gtest/gtest.h>

#include "interop/process.h"

// In CI a missing program is a failure, on a developer's machine the test is skipped.
#define AXONPUSH_NEEDS_PROGRAM(program, package)                                                          \
  if (!interop::installed(program)) {                                                                     \
    const char* required = std::getenv("AXONPUSH_REQUIRE_INTEROP");                                       \
    if (required != nullptr && *required == '1') FAIL() << program << " is missing: install " << package; \
    GTEST_SKIP() << program << " is missing: install " << package;                                        \
  }
