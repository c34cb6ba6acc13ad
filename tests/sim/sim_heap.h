// The heap as a seam: what the library takes goes to the account of the client that runs, can be refused, and is
// searched for secrets when it is given back. Sizes and addresses never reach the trace hash.
#pragma once

#include <cstddef>
#include <cstdint>

namespace axonpush::sim::heap {

struct Account {
  std::int64_t live = 0;
  std::int64_t peak = 0;
  std::uint64_t taken = 0;  // allocations so far
  std::uint64_t refused = 0;
  std::size_t largest = 0;       // of all
  std::size_t largest_here = 0;  // since whoever looks has set it to 0, but for what a user's call took
  bool by_user = false;
  std::uint64_t dirty = 0;    // blocks given back with a secret in them
  std::uint64_t fail_in = 0;  // 1: the next one fails
  std::uint64_t fail_count = 0;
  bool (*asked)(void*) = nullptr;  // decides as well, when set
  void* asked_with = nullptr;
};

// What the library takes from now on goes to this account; answers to the one before. nullptr: to nobody's.
Account* exchange(Account* account);

class Scope {
 public:
  explicit Scope(Account& account) : before_(exchange(&account)) {}
  ~Scope() { exchange(before_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Account* before_;
};

}  // namespace axonpush::sim::heap
