#include <axonpush/base/secret.h>

#include <utility>

#include "base/alloc.h"

namespace axonpush::inline v0 {

void wipe(MutableBytes bytes) noexcept {
  if (bytes.empty()) return;
  std::memset(bytes.data(), 0, bytes.size());
  // The compiler must assume that this reads the memory, so the memset above cannot be removed as a dead store.
  __asm__ __volatile__("" : : "r"(bytes.data()) : "memory");
}

SecretString::SecretString(SecretString&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this == &other) return *this;
  clear();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SecretString::~SecretString() { clear(); }

bool SecretString::assign(std::string_view text) noexcept {
  clear();
  if (text.empty()) return true;
  data_ = static_cast<char*>(allocate(text.size()));
  if (data_ == nullptr) return false;
  std::memcpy(data_, text.data(), text.size());
  size_ = text.size();
  return true;
}

void SecretString::clear() noexcept {
  if (data_ == nullptr) return;
  wipe({reinterpret_cast<std::uint8_t*>(data_), size_});
  deallocate(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

bool SecretString::equals(std::string_view other) const noexcept {
  if (other.size() != size_) return false;
  unsigned difference = 0;
  for (std::size_t at = 0; at < size_; ++at) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(data_[at]) ^ static_cast<unsigned char>(other[at]));
  }
  return difference == 0;
}

}  // namespace axonpush::inline v0
