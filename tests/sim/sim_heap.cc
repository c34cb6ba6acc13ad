#include "sim/sim_heap.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace {

using axonpush::sim::heap::Account;

thread_local Account* current = nullptr;

// In front of every block, so that giving back needs no lookup. The library asks through the nothrow form
// (base/alloc.h), the world and the tests through the other.
struct alignas(std::max_align_t) Head {
  std::size_t size;
  Account* account;
};

bool holds_secret(const char* bytes, std::size_t size) {
  const std::string_view text(bytes, size);
  for (std::size_t at = text.find("MARKER"); at != std::string_view::npos; at = text.find("MARKER", at + 1)) {
    for (const std::string_view kind : {"APIKEY", "TOKEN", "QUERY"}) {
      if (at >= kind.size() && text.substr(at - kind.size(), kind.size()) == kind) return true;
    }
  }
  return false;
}

void* take(std::size_t size, Account* account) {
  auto* head = static_cast<Head*>(std::malloc(sizeof(Head) + size));
  if (head == nullptr) return nullptr;
  head->size = size;
  head->account = account;
  if (account != nullptr) {
    account->live += static_cast<std::int64_t>(size);
    if (account->live > account->peak) account->peak = account->live;
    if (size > account->largest) account->largest = size;
    if (!account->by_user && size > account->largest_here) account->largest_here = size;
    // What the world left there is none of the client's, and a read of what nobody wrote is the same in every run.
    std::memset(head + 1, 0xA5, size);
  }
  return head + 1;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  Head* head = static_cast<Head*>(memory) - 1;
  if (Account* account = head->account) {
    account->live -= static_cast<std::int64_t>(head->size);
    if (holds_secret(static_cast<const char*>(memory), head->size)) ++account->dirty;
  }
  std::free(head);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* memory = take(size, nullptr)) return memory;
  std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (current != nullptr) {
    ++current->taken;
    if (current->asked != nullptr && current->asked(current->asked_with)) {
      ++current->refused;
      return nullptr;
    }
    if (current->fail_in != 0 && --current->fail_in == 0) {
      if (current->fail_count > 1) {
        --current->fail_count;
        current->fail_in = 1;
      }
      ++current->refused;
      return nullptr;
    }
  }
  return take(size, current);
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return ::operator new(size, tag); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }

namespace axonpush::sim::heap {

Account* exchange(Account* account) { return std::exchange(current, account); }

}  // namespace axonpush::sim::heap
