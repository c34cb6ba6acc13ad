// The credentials endpoint as a model: reads requests with a plain text search and answers as it is told. Shares no
// code with the library's HTTP codec.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/world.h"

namespace axonpush::sim {

struct ApiRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string head;                            // as it came
  Instant at;
};

// What goes back. `raw` beats everything else; `silent` answers nothing; `cut_after` ends the connection within the
// answer.
struct ApiResponse {
  int status = 200;
  std::string body = {};
  std::vector<std::string> headers = {};
  std::string raw = {};
  bool silent = false;
  bool chunked = false;
  std::size_t cut_after = SIZE_MAX;
  Connection::Cut cut = Connection::Cut::reset;
  Duration delay = {};
  Duration per_byte = {};  // a slow server
};

class ModelApi {
 public:
  explicit ModelApi(World& world) : world_(world) {}
  [[nodiscard]] World::PeerMaker maker();

  // How credentials look. The default is what AxonPush hands out.
  Duration lifetime = hours(1);
  bool same_client_id = false;
  std::string client_id = "client";  // a number follows unless same_client_id
  std::string token_tag = {};        // told apart by whoever has several of these
  std::string topic_prefix = "axonpush/org_1";
  std::string env_slug = {};
  std::string broker_url = "wss://broker.example.com/mqtt?x-amz-customauthorizer-name=SECRETQUERYMARKER";
  Duration clock_skew;  // of the server's calendar
  bool send_date = true;
  // Answers that are used first, one each; then `respond`, then credentials.
  std::deque<ApiResponse> next;
  std::function<std::optional<ApiResponse>(const ApiRequest&)> respond;

  [[nodiscard]] std::string credentials_body();
  // May this token open a connection now?
  [[nodiscard]] bool token_valid(const std::string& token) const;
  void expire_all() { expiries_.clear(); }

  // Told what was handed out, and until when it opens connections.
  std::function<void(const std::string& token, Instant expires)> on_issued;
  bool keeps_history = true;  // of requests

  std::vector<ApiRequest> requests;
  std::uint32_t issued = 0;
  std::string last_token;

 private:
  friend class ApiPeer;
  [[nodiscard]] ApiResponse answer(const ApiRequest& request);
  [[nodiscard]] std::string render(const ApiResponse& response) const;
  World& world_;
  std::map<std::string, Instant> expiries_;
};

// "2026-09-21T12:00:00Z" and "Mon, 21 Sep 2026 12:00:00 GMT", by counting days.
[[nodiscard]] std::string rfc3339_of(WallTime time);
[[nodiscard]] std::string http_date_of(WallTime time);

}  // namespace axonpush::sim
