// Input: a date, or a Retry-After. Same verdict and instant as the reference; what is written reads back as it was.
#include "support/http_reference.h"

namespace {

void require(bool property) {
  if (!property) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace axonpush;
  using namespace axonpush::http;
  const std::string_view text = text_of({data, size});
  WallTime time;
  std::int64_t expected = 0;
  const bool good = parse_http_date(text, time);
  require(good == reference::http_date(text, expected));
  if (good) {
    require(time.nanoseconds() == expected);
    const bool in_range = expected != INT64_MAX && expected != INT64_MIN;
    if (in_range && text.substr(23, 2) != "60") {
      char written[29];
      write_http_date(time, written);
      require(std::string_view(written, 29) == text);
    }
  }
  const WallTime now = WallTime::from_nanoseconds(1'795'000'000'000'000'000);
  Duration wait;
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  require(parse_retry_after(text, now, wait) == (good || digits));
  require(wait >= Duration::zero() && wait <= limits::kRetryAfterMax);
  if (digits && size <= 9) require(wait == std::min(seconds(std::stoll(std::string(text))), limits::kRetryAfterMax));
  if (good) require(wait == std::clamp(time - now, Duration::zero(), limits::kRetryAfterMax));
  // Eight bytes are an instant too.
  if (size == 8) {
    std::int64_t nanoseconds = 0;
    std::memcpy(&nanoseconds, data, 8);
    char written[29];
    write_http_date(WallTime::from_nanoseconds(nanoseconds), written);
    require(reference::http_date({written, 29}, expected));
    require(expected == INT64_MIN || (expected <= nanoseconds && nanoseconds - expected < 1'000'000'000));
  }
  return 0;
}
