// Bytes that must not be printed, copied by accident, or left behind in freed memory.
//
// There is no operator<<, no formatter and no copy constructor on purpose. Memory is wiped before it is given back.
// Holds the API key, tokens, the presigned query and the credential body. Thread rule: none, a value.
#pragma once

#include <axonpush/base/bytes.h>

namespace axonpush::inline v0 {

// Overwrites memory in a way the compiler may not remove.
void wipe(MutableBytes bytes) noexcept;

class SecretString {
 public:
  SecretString() noexcept = default;
  SecretString(SecretString&& other) noexcept;
  SecretString& operator=(SecretString&& other) noexcept;
  SecretString(const SecretString&) = delete;
  SecretString& operator=(const SecretString&) = delete;
  ~SecretString();

  // Replaces the content; the old one is wiped. False on an exhausted heap, and then it is empty.
  [[nodiscard]] bool assign(std::string_view text) noexcept;
  void clear() noexcept;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // The secret itself, under a name that stands out in review. Valid until the next change of this object.
  [[nodiscard]] std::string_view reveal() const noexcept { return {data_, size_}; }
  // Time depends on the sizes only.
  [[nodiscard]] bool equals(std::string_view other) const noexcept;

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace axonpush::inline v0
