// The timers of a reactor: a pairing heap threaded through them. Arming is O(1), taking the earliest O(log n)
// amortised, and nothing allocates, so that arming a timer cannot fail.
#pragma once

#include <axonpush/net/reactor.h>

#include <utility>

namespace axonpush::inline v0::net {

class TimerHeap {
 public:
  [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Instant earliest() const noexcept { return root_ == nullptr ? Instant::never() : root_->at_; }

  // Every timer has a number, in the order in which they were armed. The earliest's only when not empty.
  [[nodiscard]] std::uint64_t last_number() const noexcept { return sequence_; }
  [[nodiscard]] std::uint64_t earliest_number() const noexcept { return root_->sequence_; }

  void arm(Timer& timer, Instant at) noexcept {
    if (timer.armed_) disarm(timer);
    timer.at_ = at;
    timer.sequence_ = ++sequence_;
    timer.armed_ = true;
    root_ = meld(root_, &timer);
    ++size_;
  }

  void disarm(Timer& timer) noexcept {
    if (!timer.armed_) return;
    timer.armed_ = false;
    --size_;
    Timer* const orphans = std::exchange(timer.child_, nullptr);
    if (&timer == root_) {
      root_ = merge_pairs(orphans);
      return;
    }
    // The left neighbour is the parent exactly when it holds this timer as its first child.
    Timer* const left = timer.previous_;
    (left->child_ == &timer ? left->child_ : left->sibling_) = timer.sibling_;
    if (timer.sibling_ != nullptr) timer.sibling_->previous_ = left;
    timer.sibling_ = timer.previous_ = nullptr;
    root_ = meld(root_, merge_pairs(orphans));
  }

  // Takes the earliest; only when not empty.
  [[nodiscard]] Timer& pop() noexcept {
    Timer& first = *root_;
    disarm(first);
    return first;
  }

 private:
  [[nodiscard]] static bool before(const Timer& left, const Timer& right) noexcept {
    return left.at_ != right.at_ ? left.at_ < right.at_ : left.sequence_ < right.sequence_;
  }
  // Both are roots: without siblings.
  [[nodiscard]] static Timer* meld(Timer* left, Timer* right) noexcept {
    if (left == nullptr) return right;
    if (right == nullptr) return left;
    if (before(*right, *left)) std::swap(left, right);
    right->previous_ = left;
    right->sibling_ = left->child_;
    if (left->child_ != nullptr) left->child_->previous_ = right;
    left->child_ = right;
    return left;
  }
  // Two passes without recursion: pairs from left to right, then the pairs from right to left.
  [[nodiscard]] static Timer* merge_pairs(Timer* first) noexcept {
    Timer* pairs = nullptr;  // linked through sibling_, the last pair first
    while (first != nullptr) {
      Timer* const left = first;
      Timer* const right = left->sibling_;
      first = right == nullptr ? nullptr : right->sibling_;
      left->sibling_ = left->previous_ = nullptr;
      if (right != nullptr) right->sibling_ = right->previous_ = nullptr;
      Timer* const pair = meld(left, right);
      pair->sibling_ = pairs;
      pairs = pair;
    }
    Timer* root = nullptr;
    while (pairs != nullptr) {
      Timer* const next = std::exchange(pairs->sibling_, nullptr);
      root = meld(root, pairs);
      pairs = next;
    }
    return root;
  }

  Timer* root_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace axonpush::inline v0::net
