#include "sim/model_api.h"

#include <cstdio>

namespace axonpush::sim {

namespace {

struct Calendar {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, weekday = 4;
};

bool leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

Calendar calendar_of(WallTime time) {
  Calendar made;
  std::int64_t seconds = time.nanoseconds() / 1'000'000'000;
  std::int64_t days = seconds / 86'400;
  seconds %= 86'400;
  made.weekday = static_cast<int>((days + 4) % 7);
  while (days >= (leap(made.year) ? 366 : 365)) days -= leap(made.year++) ? 366 : 365;
  const int lengths[] = {31, leap(made.year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  while (days >= lengths[made.month - 1]) days -= lengths[made.month++ - 1];
  made.day = static_cast<int>(days) + 1;
  made.hour = static_cast<int>(seconds / 3600);
  made.minute = static_cast<int>(seconds / 60 % 60);
  made.second = static_cast<int>(seconds % 60);
  return made;
}

// Two digits, and what follows them. Not by printf, which costs more than all else of an answer.
void two(std::string& text, int number, const char* behind) {
  text += static_cast<char>('0' + number / 10);
  text += static_cast<char>('0' + number % 10);
  text += behind;
}

std::string lower(std::string text) {
  for (char& value : text) {
    if (value >= 'A' && value <= 'Z') value = static_cast<char>(value + 32);
  }
  return text;
}

}  // namespace

std::string rfc3339_of(WallTime time) {
  const Calendar at = calendar_of(time);
  std::string text;
  text.reserve(20);
  two(text, at.year / 100, "");
  two(text, at.year % 100, "-");
  two(text, at.month, "-");
  two(text, at.day, "T");
  two(text, at.hour, ":");
  two(text, at.minute, ":");
  two(text, at.second, "Z");
  return text;
}

std::string http_date_of(WallTime time) {
  static const char* const kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char* const kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Calendar at = calendar_of(time);
  std::string text;
  text.reserve(29);
  text.append(kDays[at.weekday]).append(", ");
  two(text, at.day, " ");
  text.append(kMonths[at.month - 1]).append(" ");
  two(text, at.year / 100, "");
  two(text, at.year % 100, " ");
  two(text, at.hour, ":");
  two(text, at.minute, ":");
  two(text, at.second, " GMT");
  return text;
}

class ApiPeer final : public Peer {
 public:
  explicit ApiPeer(ModelApi& api) : api_(api) {}

  void on_bytes(std::string_view bytes) override {
    received_ += bytes;
    const std::size_t end = received_.find("\r\n\r\n");
    if (end == std::string::npos || answered_) return;
    answered_ = true;
    ApiRequest request;
    std::size_t line_end = received_.find("\r\n");
    const std::string first = received_.substr(0, line_end);
    request.method = first.substr(0, first.find(' '));
    request.target = first.substr(first.find(' ') + 1, first.rfind(' ') - first.find(' ') - 1);
    for (std::size_t at = line_end + 2; at < end; at = line_end + 2) {
      line_end = received_.find("\r\n", at);
      const std::string line = received_.substr(at, line_end - at);
      const std::size_t colon = line.find(':');
      request.headers[lower(line.substr(0, colon))] = line.substr(line.find_first_not_of(' ', colon + 1));
    }
    request.head = received_.substr(0, end + 4);
    request.at = api_.world_.now();
    if (api_.keeps_history) api_.requests.push_back(request);
    const ApiResponse response = api_.answer(request);
    if (response.silent) return;
    auto send = [kept = std::weak_ptr<Connection>(connection_->shared_from_this()), response,
                 text = api_.render(response)] {
      const auto connection = kept.lock();
      if (connection == nullptr) return;
      const std::string part = text.substr(0, response.cut_after);
      if (response.per_byte > Duration::zero()) {
        drip(connection, part, 0, response);
        return;
      }
      connection->send(part);
      connection->end(part.size() < text.size() ? response.cut : Connection::Cut::orderly);
    };
    api_.world_.after(response.delay, send);
  }

 private:
  static void drip(const std::shared_ptr<Connection>& connection, const std::string& text, std::size_t at,
                   const ApiResponse& response) {
    if (!connection->client_alive()) return;
    if (at == text.size()) {
      connection->end(Connection::Cut::orderly);
      return;
    }
    connection->send(text.substr(at, 1));
    connection->world().after(response.per_byte,
                              [connection, text, at, response] { drip(connection, text, at + 1, response); });
  }

  ModelApi& api_;
  std::string received_;
  bool answered_ = false;
};

World::PeerMaker ModelApi::maker() {
  return [this] { return std::make_unique<ApiPeer>(*this); };
}

std::string ModelApi::credentials_body() {
  ++issued;
  last_token = "TOKENMARKER-" + token_tag + std::to_string(issued) + "-0123456789abcdef";
  expiries_[last_token] = world_.now() + lifetime;
  if (on_issued) on_issued(last_token, world_.now() + lifetime);
  std::string body = "{\"endpoint\":\"broker.example.com\",\"presignedWssUrl\":\"" + broker_url +
                     "\",\"expiresAt\":\"" + rfc3339_of(world_.wall() + clock_skew + lifetime) + "\",\"authToken\":\"" +
                     last_token + "\"";
  if (!client_id.empty()) {
    body += ",\"clientId\":\"" + client_id + (same_client_id ? "" : "-" + std::to_string(issued)) + "\"";
  }
  if (!topic_prefix.empty()) body += ",\"topicPrefix\":\"" + topic_prefix + "\"";
  if (!env_slug.empty()) body += ",\"envSlug\":\"" + env_slug + "\"";
  return body + ",\"region\":\"eu-central-1\"}";
}

bool ModelApi::token_valid(const std::string& token) const {
  const auto found = expiries_.find(token);
  return found != expiries_.end() && world_.now() <= found->second;
}

ApiResponse ModelApi::answer(const ApiRequest& request) {
  if (!next.empty()) {
    ApiResponse response = next.front();
    next.pop_front();
    if (response.status == 200 && response.body.empty() && response.raw.empty()) response.body = credentials_body();
    return response;
  }
  if (respond) {
    if (const auto response = respond(request)) return *response;
  }
  ApiResponse response;
  response.body = credentials_body();
  return response;
}

std::string ModelApi::render(const ApiResponse& response) const {
  if (!response.raw.empty()) return response.raw;
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " Status\r\n";
  if (send_date) text += "Date: " + http_date_of(world_.wall() + clock_skew) + "\r\n";
  text += "Content-Type: application/json\r\n";
  for (const std::string& header : response.headers) text += header + "\r\n";
  if (!response.chunked) {
    return text + "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n" + response.body;
  }
  text += "Transfer-Encoding: chunked\r\n\r\n";
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", response.body.size());
  return text + size + response.body + "\r\n0\r\n\r\n";
}

}  // namespace axonpush::sim
