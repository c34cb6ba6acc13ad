// The border between the loop and the client: what brackets every call from outside.
#pragma once

namespace axonpush::inline v0 {

// Brackets every call from outside into the client. The outermost leave() runs what was put off, and may free the
// client: whoever called it touches nothing of the client afterwards.
class Entry {
 public:
  virtual void enter() noexcept = 0;
  virtual void leave() noexcept = 0;

 protected:
  ~Entry() = default;
};

class EntryGuard {
 public:
  explicit EntryGuard(Entry& entry) noexcept : entry_(entry) { entry_.enter(); }
  ~EntryGuard() { entry_.leave(); }
  EntryGuard(const EntryGuard&) = delete;
  EntryGuard& operator=(const EntryGuard&) = delete;

 private:
  Entry& entry_;
};

}  // namespace axonpush::inline v0
