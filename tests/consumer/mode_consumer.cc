// A user's program, compiled with and without exceptions and run-time type information against a library built either
// way: it links, its callbacks run, and what they throw (where they can) stays in its own translation unit.
#include <axonpush/axonpush.h>

#include <cstdio>
#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

int main() {
  using namespace axonpush;
  AxonPush client{{.api_key = "ak_consumer", .base_url = "https://127.0.0.1:1", .read_environment = false}};
  if (client.error()) {
    std::printf("a client with sound options has an error\n");
    return 1;
  }
  AxonPush wrong{{.api_key = "ak with a space", .read_environment = false}};
  if (wrong.error().code() != Errc::header_invalid) return 1;
  Callback<void(int)> callback = [](int value) {
#if defined(__cpp_exceptions)
    if (value == 2) throw std::runtime_error("two");
#endif
    static_cast<void>(value);
  };
  CallFailure failure;
  if (callback(failure, 1) != CallOutcome::returned) return 1;
#if defined(__cpp_exceptions)
  if (callback(failure, 2) != CallOutcome::threw || failure.view() != "two") return 1;
#endif
  return 0;
}
