#include "tool/checkup.h"

#include <axonpush/ws/handshake.h>

#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "client/envelope.h"
#include "tool/client_flags.h"
#include "tool/json_lines.h"

namespace axonpush::tool {

namespace {

constexpr std::string_view kSubprotocols = "mqtt, mqttv5.0";

std::string day_of(WallTime time) {
  const std::time_t seconds = time.nanoseconds() / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
}

WallTime wall_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return WallTime::from_nanoseconds(static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
}

std::vector<std::string> chain_of(const net::TlsFacts& facts) {
  std::vector<std::string> lines;
  for (const auto& certificate : facts.chain) {
    const std::int64_t days = (certificate.not_after - wall_now()).seconds() / 86'400;
    lines.push_back(printable(certificate.subject.view()) + ", issued by " + printable(certificate.issuer.view()) +
                    ", until " + day_of(certificate.not_after) + " (" + std::to_string(days) + " days)");
  }
  return lines;
}

}  // namespace

Checkup::Checkup(ClientOptions client, CheckupOptions options, Report& report)
    : client_options_(std::move(client)),
      options_(std::move(options)),
      report_(report),
      tls_(client_options_.tls),
      wire_(reactor_, tls_),
      frames_(ws::DecoderOptions{.message_bytes_max = 0}) {}

void Checkup::record(TraceKind kind, std::uint32_t number, std::size_t size, Errc error) {
  recorder_.record({.at = net::Reactor::clock(),
                    .connection = connection_,
                    .number = number,
                    .size = static_cast<std::uint32_t>(size),
                    .kind = kind,
                    .error = error});
}

void Checkup::dump(FILE* into) const {
  char line[FlightRecorder::kJsonBytes];
  for (std::size_t at = 0; at < recorder_.size(); ++at) {
    const std::size_t size = FlightRecorder::format_json(recorder_[at], line);
    std::fprintf(into, "%.*s\n", static_cast<int>(size), line);
  }
}

void Checkup::begin(std::string_view role, std::string_view step) {
  role_ = role;
  step_ = step;
  report_.begin(role_.empty() ? step_ : role_ + " " + step_);
  wire_.deadline(options_.patience);
}

bool Checkup::failed(const Error& error, const std::vector<std::string>& notes) {
  record(TraceKind::error, error.number(), 0, error.code());
  report_.fail(error, hint_for(role_, step_, error), notes);
  wire_.close();
  return false;
}

bool Checkup::run() {
  const bool passed = configure() && open({"service", config_.api, config_.options.connect_address}) && fetch();
  if (!passed) return false;
  const Result<http::Url> url = http::parse_url(credentials_.url.reveal());
  if (!url.ok()) return false;  // fetch() has judged it
  return open({"broker", *url, config_.options.broker_connect_address}) && upgrade() && connect() && subscribe() &&
         round_trip();
}

// --- Configuration, name, TCP, TLS

bool Checkup::configure() {
  begin("", "configuration");
  if (Error error = config_.take(std::move(client_options_))) return failed(error);
  if (!tls_.status().ok()) return failed(tls_.status().error());
  const char* const key = config_.key_kind == Config::KeyKind::api_key        ? "an API key"
                          : config_.key_kind == Config::KeyKind::public_token ? "a public token"
                                                                              : "a bearer token";
  std::string detail = key;
  detail += config_.options.tenant_id.empty() ? ", no tenant" : ", tenant " + printable(config_.options.tenant_id);
  report_.pass(detail + ", " + printable(config_.options.base_url));
  return true;
}

bool Checkup::open(const Target& target) {
  ++connection_;
  record(TraceKind::dial_started);
  begin(target.role, "name");
  if (Status found = wire_.resolve(target.url.host, target.address); !found.ok()) return failed(found.error());
  std::string list;
  for (const net::IpAddress& address : wire_.addresses()) list += (list.empty() ? "" : ", ") + address_text(address);
  const std::string host = printable(target.url.host);
  if (!target.address.empty()) {
    report_.pass(host + ", dialled at " + list + " as told");
  } else if (target.url.host_kind != http::HostKind::name) {
    report_.pass(host + ", an address itself");
  } else {
    report_.pass(host + " is " + list);
  }

  begin(target.role, "tcp");
  if (Status stands = wire_.connect(target.url.port); !stands.ok()) return failed(stands.error());
  report_.pass("port " + std::to_string(target.url.port));

  if (!target.url.secure()) {
    report_.skip(std::string(target.role) + " tls", "cleartext on loopback");
  } else {
    begin(target.role, "tls");
    const Status secured = wire_.secure();
    const std::vector<std::string> chain = chain_of(wire_.facts());
    if (!secured.ok()) return failed(secured.error(), chain);
    report_.pass(std::string(wire_.facts().version.view()) + ", " + std::string(wire_.facts().cipher.view()), chain);
  }
  record(TraceKind::transport_open);
  return true;
}

// --- The credentials

Status Checkup::ask(std::string_view method) {
  std::uint8_t head[limits::kHttpRequestHeadBytes];
  FixedText<limits::kHostBytes + 16> authority;
  if (!write_authority(config_.api, authority)) return Error(Errc::url_invalid, "base_url is too long");
  const std::string base(config_.api.path == "/" ? std::string_view() : config_.api.path);
  http::RequestWriter writer(head);
  writer.start(method, base + std::string(kCredentialsPath));
  writer.header("Host", authority.view());
  write_credentials_headers(writer, config_, method);
  writer.finish();
  Status sent = writer.ok() ? wire_.send(writer.written()) : Status(writer.error());
  wipe(head);
  return sent;
}

Status Checkup::read_response(http::ResponseDecoder& decoder) {
  using Kind = http::ResponseDecoder::Kind;
  body_.clear();
  body_.reserve(limits::kHttpBodyBytes);
  response_bytes_ = 0;
  for (;;) {
    const http::Step step = decoder.next(Bytes(wire_.input()).subspan(response_bytes_));
    if (step.kind == Kind::body) body_.insert(body_.end(), step.data.begin(), step.data.end());
    response_bytes_ += step.consumed;
    if (step.kind == Kind::done) return {};
    if (step.kind == Kind::error) return decoder.error();
    if (step.kind != Kind::need_more) continue;
    const Status more = wire_.receive();
    if (more.ok()) continue;
    if (more.error().code() != Errc::server_closed) return more;
    if (decoder.finish(http::ResponseDecoder::End::orderly).kind == Kind::done) return {};
    return decoder.error() ? decoder.error() : more.error();
  }
}

void Checkup::drop_response() {
  std::vector<std::uint8_t>& input = wire_.input();
  input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(std::exchange(response_bytes_, 0)));
}

Status Checkup::judge_credentials(const http::ResponseHead& head, Duration& life) {
  if (head.status != 200 && head.status != 201) return with_envelope(error_of_http_status(head.status), body_);
  Result<Credentials> parsed = parse_credentials(body_);
  if (!parsed.ok()) return parsed.error();
  bool skewed = false;
  const Result<Duration> left =
      life_left(parsed->expires_at, head.find("date"), head.count("date"), wall_now(), skewed);
  if (!left.ok()) return left.error();
  const Result<http::Url> url = http::parse_url(parsed->url.reveal());
  if (!url.ok()) return url.error();
  const bool loopback_allowed = loopback_host(config_.api.host) || config_.options.allow_loopback;
  if (Error error = check_reachable(*url, config_.options, loopback_allowed)) return error;
  life = *left;
  credentials_ = std::move(*parsed);
  return {};
}

bool Checkup::fetch() {
  begin("service", "credentials");
  record(TraceKind::fetch_started);
  std::string_view method = config_.options.credentials_method == CredentialsMethod::get ? "GET" : "POST";
  http::ResponseDecoder decoder;
  Status asked = ask(method);
  if (asked.ok()) asked = read_response(decoder);
  const bool other_method = asked.ok() && (decoder.head().status == 404 || decoder.head().status == 405) &&
                            method == "POST" && config_.options.credentials_method == CredentialsMethod::post_then_get;
  if (other_method) {
    // CONTRACT 2: the same once as GET, on a connection of its own.
    wire_.close();
    method = "GET";
    decoder = http::ResponseDecoder();
    asked = wire_.connect(config_.api.port);
    if (asked.ok() && config_.api.secure()) asked = wire_.secure();
    if (asked.ok()) asked = ask(method);
    if (asked.ok()) asked = read_response(decoder);
  }
  Duration life;
  if (asked.ok()) asked = judge_credentials(decoder.head(), life);
  wipe(MutableBytes(body_));
  if (!asked.ok()) {
    record(TraceKind::fetch_failed, asked.error().number(), 0, asked.error().code());
    return failed(asked.error());
  }
  record(TraceKind::fetch_done, decoder.head().status);
  std::string detail = std::string(method) + " " + std::to_string(decoder.head().status) + ", good for " +
                       std::to_string(life.seconds()) + " s";
  detail += credentials_.client_id.empty() ? ", no client id" : ", a client id";
  detail += credentials_.auth_token.empty() ? ", no token" : ", a token";
  const TopicPrefix fallback = fallback_prefix(credentials_.client_id.view());
  const bool told = !credentials_.topic_prefix.empty();
  report_.pass(detail, {"topic prefix " + printable((told ? credentials_.topic_prefix : fallback).view()) +
                        (told ? "" : " (ours: the service named none)")});
  wire_.close();
  return true;
}

// --- The WebSocket

bool Checkup::upgrade() {
  begin("broker", "websocket");
  const Result<http::Url> url = http::parse_url(credentials_.url.reveal());
  FixedText<limits::kHostBytes + 16> authority;
  ws::Key key;
  if (!url.ok() || !write_authority(*url, authority))
    return failed(Error(Errc::url_invalid, "the broker's URL is no URL"));
  if (!ws::make_key(entropy_, key)) return failed(Error(Errc::internal, "the source of entropy failed"));
  std::vector<std::uint8_t> head(limits::kHttpRequestHeadBytes);
  http::RequestWriter writer(head);
  writer.start("GET", url->path_query);
  writer.header("Host", authority.view());
  writer.header("Upgrade", "websocket");
  writer.header("Connection", "Upgrade");
  writer.header("Sec-WebSocket-Key", key.view());
  writer.header("Sec-WebSocket-Version", "13");
  writer.header("Sec-WebSocket-Protocol", kSubprotocols);
  writer.finish();
  Status done = writer.ok() ? wire_.send(writer.written()) : Status(writer.error());
  wipe(MutableBytes(head));
  http::ResponseDecoder decoder({.head_request = false,
                                 .upgrade_requested = true,
                                 .limits = {.head_bytes = limits::kWsHandshakeBytes, .body_bytes = SIZE_MAX}});
  if (done.ok()) done = read_response(decoder);
  if (!done.ok()) return failed(done.error());
  std::vector<ws::HeaderView> headers;
  for (const http::Header& header : decoder.head().headers) headers.push_back({header.name, header.value});
  const ws::ResponseView response{
      .status = decoder.head().status, .version_minor = decoder.head().version_minor, .headers = headers};
  if (Error error = ws::check_response(response, key.view(), kSubprotocols)) return failed(error);
  record(TraceKind::upgraded);
  const std::string_view chosen = decoder.head().find("sec-websocket-protocol");
  report_.pass("101, subprotocol " + (chosen.empty() ? std::string("none") : printable(chosen)));
  drop_response();
  return true;
}

}  // namespace axonpush::tool
