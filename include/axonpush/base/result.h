// A value or an Error. std::expected is C++23, and this one neither throws nor needs exceptions to be on.
//
// Reading value() of a failed Result is misuse: it is asserted in debug builds and ends the program otherwise, because
// there is no value to give. Thread rule: none, values only.
#pragma once

#include <axonpush/base/error.h>

#include <new>
#include <type_traits>
#include <utility>

namespace axonpush::inline v0 {

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept : error_() { ::new (static_cast<void*>(&value_)) T(std::move(value)); }
  Result(Error error) noexcept : error_(std::move(error)) {
    if (!error_) error_ = Error(Errc::internal, "a Result was made from an Error that says none");
  }
  Result(Result&& other) noexcept : error_(other.error_) {
    if (ok()) ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
  }
  Result(const Result& other) noexcept requires std::is_copy_constructible_v<T> : error_(other.error_) {
    if (ok()) ::new (static_cast<void*>(&value_)) T(other.value_);
  }
  Result& operator=(Result other) noexcept {
    if (ok()) value_.~T();
    error_ = other.error_;
    if (ok()) ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
    return *this;
  }
  Result& operator=(Error error) noexcept {
    if (ok()) value_.~T();
    error_ = std::move(error);
    if (!error_) error_ = Error(Errc::internal, "a Result was made from an Error that says none");
    return *this;
  }
  ~Result() {
    if (ok()) value_.~T();
  }

  [[nodiscard]] bool ok() const noexcept { return error_.code() == Errc::none; }
  [[nodiscard]] explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

  [[nodiscard]] T& value() & noexcept {
    demand();
    return value_;
  }
  [[nodiscard]] const T& value() const& noexcept {
    demand();
    return value_;
  }
  [[nodiscard]] T&& value() && noexcept {
    demand();
    return std::move(value_);
  }
  [[nodiscard]] T& operator*() & noexcept { return value(); }
  [[nodiscard]] const T& operator*() const& noexcept { return value(); }
  [[nodiscard]] T* operator->() noexcept { return &value(); }
  [[nodiscard]] const T* operator->() const noexcept { return &value(); }

 private:
  void demand() const noexcept {
    if (!ok()) __builtin_trap();
  }

  Error error_;
  union {
    T value_;
  };
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept = default;
  Result(Error error) noexcept : error_(std::move(error)) {}
  [[nodiscard]] bool ok() const noexcept { return error_.code() == Errc::none; }
  [[nodiscard]] explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

// Done, or why not.
using Status = Result<void>;

}  // namespace axonpush::inline v0
