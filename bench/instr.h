// How a file *_instr.cc adds a named operation to axonpush_instr:
//
//   const Operation kDecode{"mqtt_decode_publish_256_p0", prepare, run};
//
// prepare() builds the inputs (64 different ones of a shape) and checks the operation's answer once, ending the program
// when it is wrong; run(count) performs the operation count times over inputs[i % 64] in a plain loop. `keep` stops the
// compiler from dropping a result.
#pragma once

#include <cstdint>

namespace axonpush::bench {

inline constexpr std::uint64_t kInputCount = 64;

class Operation {
 public:
  using Prepare = void (*)();
  using Run = void (*)(std::uint64_t count);
  Operation(const char* its_name, Prepare to_prepare, Run to_run)
      : name_(its_name), prepare_(to_prepare), run_(to_run), next_(head()) {
    head() = this;
  }
  [[nodiscard]] static const Operation* first() { return head(); }
  [[nodiscard]] const Operation* next() const { return next_; }
  [[nodiscard]] const char* name() const { return name_; }
  void prepare() const { prepare_(); }
  void run(std::uint64_t count) const { run_(count); }

 private:
  static const Operation*& head() {
    static const Operation* first = nullptr;
    return first;
  }
  const char* name_;
  Prepare prepare_;
  Run run_;
  const Operation* next_;
};

template <class T>
inline void keep(const T& value) {
  __asm__ __volatile__("" : : "r,m"(value) : "memory");
}

}  // namespace axonpush::bench
