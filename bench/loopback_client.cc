#include "loopback_client.h"

#include <cstdio>
#include <ctime>

namespace axonpush::bench {

namespace {

// RFC 3339, by counting days: the C library's calendar would put 200 KB of its own into the memory that is measured.
std::string date_of(std::time_t time) {
  const auto seconds = static_cast<std::int64_t>(time);
  std::int64_t days = seconds / 86'400;
  std::int64_t year = 1970;
  const auto length_of = [](std::int64_t of) { return of % 4 == 0 && (of % 100 != 0 || of % 400 == 0) ? 366 : 365; };
  for (; days >= length_of(year); ++year) days -= length_of(year);
  const int months[] = {31, length_of(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int month = 0;
  for (; days >= months[month]; ++month) days -= months[month];
  const std::int64_t rest = seconds % 86'400;
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", static_cast<int>(year), month + 1,
                                 static_cast<int>(days) + 1, static_cast<int>(rest / 3'600),
                                 static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

ClientOptions client_options(const Work& work, const Target& target) {
  // Half a day: no refresh falls into a measurement.
  const std::string expires = date_of(std::time(nullptr) + 12 * 3'600);
  std::string body = R"({"endpoint":"127.0.0.1","presignedWssUrl":"wss://127.0.0.1:)" + std::to_string(target.port) +
                     R"(/mqtt","expiresAt":")" + expires + R"(","topicPrefix":"axonpush/org_1","envSlug":"prod",)" +
                     R"("clientId":")" + client_id_of(work) + R"("})";
  ClientOptions options;
  options.api_key = "ak_loopback";
  options.tenant_id = "org_1";
  options.app_id = "app_00";
  options.read_environment = false;
  options.allow_loopback = true;
  options.credentials_source = [body](CredentialsAnswer& answer) { answer.body(body); };
  options.tls = tls_options(target);
  return options;
}

std::string read_file(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  need(file != nullptr, "a file could not be read");
  std::string text;
  char part[4096];
  for (std::size_t got = 0; (got = std::fread(part, 1, sizeof part, file)) != 0;) text.append(part, got);
  std::fclose(file);
  return text;
}

LoopClient::LoopClient(const Work& work, const Target& target, RealtimeOptions options)
    : work_(work), tls_(tls_options(target)), options_(std::move(options)) {
  need(tls_.status().ok(), "the TLS context could not be made");
  options_.qos = static_cast<Qos>(work.qos);
  options_.receive_maximum = kReceiveMaximum;
  options_.on_error = [](const ErrorReport& report) { die("the client reported", report.error.what()); };
  client_ = std::make_unique<Client>(reactor_, tls_, client_options(work, target));
}

void LoopClient::connect() {
  bool connected = false;
  const Status begun = client_->connect_realtime(std::move(options_), [&](const Result<Realtime>& result) {
    if (!result.ok()) die("the client could not connect", result.error().what());
    session_ = *result;
    connected = true;
  });
  need(begun.ok(), "the client could not begin to connect");
  while (!connected) reactor_.run_once(Instant::never());
}

void LoopClient::subscribe(EventCallback callback) {
  const SubscribeFilter filter{.environment = "+"};
  const auto subscribed = work_.json ? session_.subscribe(filter, std::move(callback))
                                     : session_.subscribe_raw(filter, std::move(callback));
  need(subscribed.ok(), "the client could not subscribe");
}

}  // namespace axonpush::bench
