#include "testing/credentials_peer.h"

#include <axonpush/http/http1.h>

#include <strings.h>

#include "testing/server.h"

namespace axonpush::inline v0::testing {

namespace {

constexpr Duration kRequestTimeout = seconds(10);
constexpr std::string_view kPath = "/auth/iot-credentials";

bool equals_caseless(std::string_view left, std::string_view right) {
  return left.size() == right.size() && ::strncasecmp(left.data(), right.data(), left.size()) == 0;
}

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string_view message_of(std::uint16_t status) {
  switch (status) {
    case 401:
      return "Missing or invalid API key";
    case 403:
      return "The API key does not belong to this tenant";
    case 404:
      return "There is no such route";
    case 405:
      return "The route does not answer this method";
    case 429:
      return "Too many requests";
    default:
      return reason_phrase(status);
  }
}

}  // namespace

CredentialsPeer::CredentialsPeer(Server& server, Stream stream, std::uint64_t id)
    : Peer(server, std::move(stream), id) {
  set_deadline(server.reactor().now() + kRequestTimeout);
}

std::size_t CredentialsPeer::on_input(MutableBytes input) {
  std::size_t used = 0;
  while (!answering_ && !ending()) {
    const http::Step step = decoder_.next(input.subspan(used));
    used += step.consumed;
    switch (step.kind) {
      case http::StepKind::need_more:
        return used;
      case http::StepKind::head:
        read_head(decoder_.head());
        break;
      case http::StepKind::body:
        request_.body_bytes += step.data.size();
        break;
      case http::StepKind::done:
        reply();
        break;
      case http::StepKind::error:
        ++server_.stats().protocol_errors;
        request_ = {};
        send_answer(refusal(400));
        break;
    }
  }
  return input.size();
}

void CredentialsPeer::on_deadline(Instant) { finish(); }

void CredentialsPeer::read_head(const http::RequestHead& head) {
  const LoopbackOptions& options = server_.options();
  request_ = {};
  if (head.method == "GET") request_.method = Request::Method::get;
  if (head.method == "POST") request_.method = Request::Method::post;
  request_.path_known = head.target.substr(0, head.target.find('?')) == kPath;
  const bool public_token = options.api_key.starts_with("pt_");
  request_.key_right = head.find(public_token ? "X-Public-Token" : "X-API-Key") == options.api_key;
  if (!options.bearer_token.empty()) {
    const std::string_view authorization = head.find("Authorization");
    request_.key_right = request_.key_right || (equals_caseless(authorization.substr(0, 7), "Bearer ") &&
                                                authorization.substr(7) == options.bearer_token);
  }
  request_.tenant_right = head.find("x-tenant-id") == options.tenant_id;
  request_.has_content_type = head.count("Content-Type") != 0;
  request_.keep_alive = head.version_minor >= 1 && !equals_caseless(head.find("Connection"), "close");
}

CredentialsPeer::Answer CredentialsPeer::refusal(std::uint16_t status) const {
  std::string request_id = "req_loopback_";
  request_id += std::to_string(server_.stats().credentials_requests);
  const std::string_view hint = status == 401 ? "Send the key in the header X-API-Key" : "";
  return {.status = status, .body = envelope_json(status, message_of(status), hint, request_id), .retry_after = {}};
}

CredentialsPeer::Answer CredentialsPeer::judge() {
  using Methods = LoopbackOptions::Methods;
  Faults& faults = server_.faults();
  if (faults.refuse_credentials.take()) {
    Answer answer = refusal(faults.refuse_credentials.value.status);
    answer.retry_after = faults.refuse_credentials.value.retry_after;
    return answer;
  }
  const Methods methods = server_.options().methods;
  const bool post = request_.method == Request::Method::post;
  const bool get = request_.method == Request::Method::get;
  if (!request_.path_known) return refusal(404);
  if ((!post && !get) || (post && methods == Methods::get) || (get && methods == Methods::post)) return refusal(405);
  // The backend's framework parses by Content-Type before the route is asked: nothing to parse is a bad request.
  if (request_.has_content_type && request_.body_bytes == 0) return refusal(400);
  if (!request_.key_right) return refusal(401);
  if (!request_.tenant_right) return refusal(403);
  if (faults.replace_credentials.take()) {
    return {.status = 200, .body = faults.replace_credentials.value, .retry_after = {}};
  }
  const Issued issued = server_.credentials().issue(server_.reactor().now(), server_.wall_now());
  return {.status = 200, .body = credentials_json(server_.options(), issued, server_.broker_url()), .retry_after = {}};
}

void CredentialsPeer::reply() {
  LoopbackStats& stats = server_.stats();
  ++stats.credentials_requests;
  if (request_.method == Request::Method::post) ++stats.credentials_posts;
  if (request_.method == Request::Method::get) ++stats.credentials_gets;
  const Answer answer = judge();
  ++(answer.status == 200 ? stats.credentials_issued : stats.credentials_refused);
  send_answer(answer);
}

void CredentialsPeer::send_answer(const Answer& answer) {
  std::uint8_t room[1024];
  http::ResponseWriter writer(room);
  char date[29];
  http::write_http_date(server_.wall_now(), date);
  writer.start(answer.status, reason_phrase(answer.status));
  writer.header("Date", {date, sizeof date});
  writer.header("Content-Type", "application/json; charset=utf-8");
  writer.header("Content-Length", std::to_string(answer.body.size()));
  writer.header("Cache-Control", "no-store");
  if (!answer.retry_after.empty()) writer.header("Retry-After", answer.retry_after);
  const Duration wait = server_.faults().delay_of(LoopbackAnswer::credentials);
  const bool keep_alive = request_.keep_alive && wait == Duration::zero();
  writer.header("Connection", keep_alive ? "keep-alive" : "close");
  writer.finish();
  if (!writer.ok()) return abort();
  std::vector<std::uint8_t> whole(writer.written().begin(), writer.written().end());
  whole.insert(whole.end(), answer.body.begin(), answer.body.end());
  if (wait != Duration::zero()) {
    answering_ = true;
    server_.reactor().disarm(*this);
    server_.later(*this, server_.reactor().now() + wait, std::move(whole), 0);
    return;
  }
  send(whole);
  if (!keep_alive) return finish();
  decoder_ = http::RequestDecoder();
  set_deadline(server_.reactor().now() + kRequestTimeout);
}

void CredentialsPeer::on_later(std::vector<std::uint8_t> bytes, unsigned) {
  send(bytes);
  finish();
}

}  // namespace axonpush::inline v0::testing
