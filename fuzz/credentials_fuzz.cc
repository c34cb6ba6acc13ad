// Input: three instants (the local clock, and two bytes that choose the Date header), then the credentials' body. Same
// verdict and values as the slow reference; nothing secret in an error; the time left is what is left, within 24 h.
#include <cstdio>
#include <string>

#include "choices.h"
#include "support/credentials_reference.h"
#include "support/json_agreement.h"

namespace {

using namespace axonpush;
using fuzz::demand;

void check_time(WallTime expires_at, WallTime wall_now, std::string_view date, std::size_t date_count) {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  __extension__ using Wide = __int128;
  std::int64_t served = 0;
  const bool dated = date_count == 1 && reference::http_date(date, served);
  const Wide reference_now = dated ? served : wall_now.nanoseconds();
  const Wide left = expires_at.nanoseconds() - reference_now;
  const Wide skew = dated ? Wide{served} - wall_now.nanoseconds() : Wide{0};
  bool skewed = false;
  const Result<Duration> answer = life_left(expires_at, date, date_count, wall_now, skewed);
  demand(skewed == (skew > kDay || skew < -kDay));
  demand(answer.ok() == (left > 0));
  if (answer.ok()) {
    demand(answer->nanoseconds() == static_cast<std::int64_t>(left < kDay ? left : kDay));
  } else {
    demand(answer.error().code() == Errc::credentials_expired);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 70'000) return 0;
  fuzz::Choices choices({data, size});
  const auto wall_now = WallTime::from_nanoseconds(static_cast<std::int64_t>(choices.word()));
  const std::size_t date_count = choices.below(3);
  const auto served = WallTime::from_nanoseconds(static_cast<std::int64_t>(choices.word()));
  const test::ExactCopy body(text_of(choices.rest()));
  const test::CredentialsReference reference(body.text());
  const Result<Credentials> credentials = parse_credentials(body.bytes());
  const Errc code = credentials.ok() ? Errc::none : credentials.error().code();
  if (code != reference.code()) {
    std::fprintf(stderr, "%s, the reference says %s\n", std::string(name_of(code)).c_str(),
                 std::string(name_of(reference.code())).c_str());
    __builtin_trap();
  }
  if (!credentials.ok()) {
    // Static words and numbers: the body's own text cannot be among them, so all bodies share a few dozen sentences.
    char text[512];
    demand(credentials.error().format(text) < sizeof text);
    demand(credentials.error().server_words().message.empty());
    return 0;
  }
  const std::string difference = reference.difference(*credentials);
  if (!difference.empty()) {
    std::fprintf(stderr, "%s differs\n", difference.c_str());
    __builtin_trap();
  }
  char date[29];
  http::write_http_date(served, date);
  check_time(credentials->expires_at, wall_now, {date, sizeof date}, date_count);
  check_time(credentials->expires_at, wall_now, "yesterday", 1);
  return 0;
}
