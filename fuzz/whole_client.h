// How the targets of the whole client are run: one execution is a life of a client with thousands of branches, not the
// parse of a few bytes, and what libFuzzer and ASan do by default for each of those costs more than the execution.
//
// Flags on the command line and ASAN_OPTIONS still win.
#pragma once

#include <vector>

// libFuzzer's entropic schedule walks the features of the input for every feature an execution hits: with thousands of
// them that is two thirds of the time. Without it inputs are chosen uniformly, new ones more often. Nor is a function
// that is met for the first time named: the symbolizer takes longer than a hundred executions.
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  static char entropic[] = "-entropic=0";
  static char functions[] = "-print_funcs=0";
  static std::vector<char*> all(*arguments, *arguments + *count);
  all.insert(all.begin() + 1, {entropic, functions});
  *count = static_cast<int>(all.size());
  all.push_back(nullptr);
  *arguments = all.data();
  return 0;
}

// What the library frees stays poisoned for some executions still, and comes back warm. Of a large block only the
// beginning is filled when it is handed out. An allocation's stack is short: a finding is replayed with
// ASAN_OPTIONS=malloc_context_size=30 to see the whole of it.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=2:max_malloc_fill_size=256";
}
