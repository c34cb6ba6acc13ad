// A move-only callback that never lets an exception into the library.
//
// The library may be built without exceptions, and a throw through such frames skips their destructors in silence. So
// the catch stands here, in a trampoline instantiated in the user's translation unit, which knows whether exceptions
// are on. The trampoline lives in an inline namespace named for that mode, and the constructor carries the mode as a
// template argument, so that a program mixed of both modes keeps the one-definition rule.
//
// A callable of up to kInlineBytes is kept in place; a larger one is allocated once, when the Callback is made; where
// that fails the Callback is empty and whoever takes it answers no_memory or invalid_argument.
// Thread rule: of the function that takes it.
#pragma once

#include <axonpush/base/bytes.h>

#include <new>
#include <type_traits>
#include <utility>
#if defined(__cpp_exceptions)
#include <exception>
#endif

namespace axonpush::inline v0 {

// What a callback threw: the text of std::exception::what(), cut; "unknown exception" for anything else.
struct CallFailure {
  static constexpr std::size_t kTextBytes = 256;
  char text[kTextBytes];  // `size` bytes of it; left unset, because one of these is made for every call
  std::size_t size = 0;

  CallFailure() noexcept {}

  void assign(std::string_view from) noexcept {
    size = from.size() < kTextBytes ? from.size() : kTextBytes;
    if (size != 0) std::memcpy(text, from.data(), size);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text, size}; }
};

enum class CallOutcome : std::uint8_t {
  returned,
  threw
};

namespace detail {

#if defined(__cpp_exceptions)
inline namespace exceptions_on {
#else
inline namespace exceptions_off {
#endif

struct ExceptionMode;

// A callable that takes a CallFailure& first and answers a CallOutcome passes another Callback's outcome through.
template <class Callable, class... Args>
inline constexpr bool kForwardsOutcome = std::is_invocable_r_v<CallOutcome, Callable&, CallFailure&, Args...>;

template <class Callable, class... Args>
CallOutcome call_guarded(void* object, CallFailure& failure, Args... args) noexcept {
  if constexpr (kForwardsOutcome<Callable, Args...>) {
    return (*static_cast<Callable*>(object))(failure, std::forward<Args>(args)...);
  } else {
#if defined(__cpp_exceptions)
    try {
      (*static_cast<Callable*>(object))(std::forward<Args>(args)...);
    } catch (const std::exception& thrown) {
      failure.assign(thrown.what());
      return CallOutcome::threw;
    } catch (...) {
      failure.assign("unknown exception");
      return CallOutcome::threw;
    }
#else
    (*static_cast<Callable*>(object))(std::forward<Args>(args)...);
    static_cast<void>(failure);
#endif
    return CallOutcome::returned;
  }
}

}  // inline namespace of the exception mode
}  // namespace detail

template <class Signature>
class Callback;

template <class... Args>
class Callback<void(Args...)> {
 public:
  static constexpr std::size_t kInlineBytes = 48;

  constexpr Callback() noexcept = default;
  constexpr Callback(std::nullptr_t) noexcept {}

  template <class Callable, class Mode = detail::ExceptionMode>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, Callback> &&
           (std::is_invocable_v<std::remove_cvref_t<Callable>&, Args...> ||
            detail::kForwardsOutcome<std::remove_cvref_t<Callable>, Args...>)) Callback(Callable&& callable) {
    using Stored = std::remove_cvref_t<Callable>;
    if constexpr (std::is_pointer_v<Stored>) {
      if (callable == nullptr) return;
    }
    if constexpr (fits_inline<Stored>()) {
      ::new (static_cast<void*>(storage_)) Stored(std::forward<Callable>(callable));
      manage_ = &manage_inline<Stored>;
    } else {
      auto* made = new (std::nothrow) Stored(std::forward<Callable>(callable));
      if (made == nullptr) return;
      std::memcpy(storage_, &made, sizeof made);
      manage_ = &manage_heap<Stored>;
    }
    call_ = &detail::call_guarded<Stored, Args...>;
  }

  Callback(Callback&& other) noexcept { take(other); }
  Callback& operator=(Callback&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  ~Callback() { reset(); }

  [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }

  // Runs the callable; on `threw`, `failure` holds the text. Calling an empty Callback returns at once.
  CallOutcome operator()(CallFailure& failure, Args... args) noexcept {
    if (call_ == nullptr) return CallOutcome::returned;
    return call_(manage_(Operation::object, storage_, nullptr), failure, std::forward<Args>(args)...);
  }

  void reset() noexcept {
    if (call_ == nullptr) return;
    manage_(Operation::destroy, storage_, nullptr);
    call_ = nullptr;
    manage_ = nullptr;
  }

 private:
  enum class Operation : std::uint8_t {
    object,
    destroy,
    move
  };
  using Call = CallOutcome (*)(void*, CallFailure&, Args...) noexcept;
  using Manage = void* (*)(Operation, void*, void*) noexcept;

  template <class Stored>
  static constexpr bool fits_inline() noexcept {
    return sizeof(Stored) <= kInlineBytes && alignof(Stored) <= alignof(void*) &&
           std::is_nothrow_move_constructible_v<Stored>;
  }
  template <class Stored>
  static void* manage_inline(Operation operation, void* storage, void* target) noexcept {
    auto* stored = std::launder(static_cast<Stored*>(storage));
    if (operation == Operation::object) return stored;
    if (operation == Operation::move) ::new (target) Stored(std::move(*stored));
    stored->~Stored();
    return nullptr;
  }
  template <class Stored>
  static void* manage_heap(Operation operation, void* storage, void* target) noexcept {
    Stored* stored = nullptr;
    std::memcpy(&stored, storage, sizeof stored);
    if (operation == Operation::object) return stored;
    if (operation == Operation::move) {
      std::memcpy(target, &stored, sizeof stored);
    } else {
      delete stored;
    }
    return nullptr;
  }
  void take(Callback& other) noexcept {
    if (other.call_ == nullptr) return;
    other.manage_(Operation::move, other.storage_, storage_);
    call_ = std::exchange(other.call_, nullptr);
    manage_ = std::exchange(other.manage_, nullptr);
  }

  Call call_ = nullptr;
  Manage manage_ = nullptr;
  alignas(void*) unsigned char storage_[kInlineBytes] = {};
};

}  // namespace axonpush::inline v0
