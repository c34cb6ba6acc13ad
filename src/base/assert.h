// AXONPUSH_ASSERT: for our own mistakes only, on in debug builds, tests, fuzzers and the simulator. Peer input never
// meets an assert, and a false condition is never an assumption for the optimiser. Where it is off it is compiled, but
// has no branch.
#pragma once

#if defined(AXONPUSH_ASSERTIONS) || !defined(NDEBUG)
#define AXONPUSH_ASSERT(condition) ((condition) ? static_cast<void>(0) : __builtin_trap())
#else
#define AXONPUSH_ASSERT(condition) static_cast<void>(sizeof(!(condition)))
#endif
