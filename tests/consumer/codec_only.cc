// A user's program that wants the codecs and nothing else: it links without OpenSSL, threads or a client.
#include <axonpush/json/reader.h>

#include <cstdio>

int main() {
  using namespace axonpush;
  json::Member members[4];
  std::size_t count = 0;
  const Error error = json::read_object(bytes_of(R"({"answer":42})"), {}, members, count);
  json::Value value;
  std::uint64_t answer = 0;
  if (error || json::find_member(std::span(members).first(count), "answer", value) != 1) return 1;
  if (!value.unsigned_integer(answer)) return 1;
  std::printf("answer %llu\n", static_cast<unsigned long long>(answer));
  return answer == 42 ? 0 : 1;
}
