#include <axonpush/base/error.h>
#include <axonpush/limits.h>

#include <new>
#include <utility>

#include "base/alloc.h"
#include "base/text_writer.h"

namespace axonpush::inline v0 {

namespace {

// In the order of the enumeration; a static_assert below holds the count.
constexpr std::string_view kErrcNames[] = {
    "none",
    "http_malformed",
    "http_truncated",
    "json_invalid",
    "credentials_invalid",
    "ws_handshake",
    "ws_protocol",
    "ws_unsupported",
    "ws_bad_utf8",
    "mqtt_malformed",
    "mqtt_protocol",
    "mqtt_topic_alias",
    "tls_protocol",
    "tls_truncated",
    "http_status",
    "unauthorized",
    "forbidden",
    "not_found",
    "invalid_request",
    "rate_limited",
    "server_error",
    "redirect_refused",
    "credentials_expired",
    "mqtt_refused",
    "server_disconnect",
    "server_closed",
    "session_taken_over",
    "session_conflict",
    "suback_failed",
    "publish_refused",
    "http_too_large",
    "json_too_deep",
    "json_too_large",
    "ws_too_big",
    "mqtt_packet_too_large",
    "mqtt_receive_max",
    "payload_too_large",
    "queue_full",
    "quota",
    "no_memory",
    "no_fds",
    "invalid_argument",
    "header_invalid",
    "url_invalid",
    "cleartext_refused",
    "topic_invalid",
    "payload_invalid",
    "qos_not_supported",
    "would_deadlock",
    "callback_threw",
    "closed",
    "dns_failed",
    "connect_failed",
    "connect_timeout",
    "connection_lost",
    "tls_verify",
    "http_timeout",
    "keepalive_timeout",
    "ack_timeout",
    "internal",
};
static_assert(sizeof kErrcNames / sizeof kErrcNames[0] == kErrcCount);

constexpr std::string_view kCulpritNames[] = {
    "nobody", "malformed by the peer", "refused by the peer", "limit", "misuse", "transport", "internal"};

}  // namespace

// Counted, because an Error is copied freely and its copies may live on different threads.
struct Error::Words {
  struct Text {
    std::uint16_t size = 0;
    char bytes[limits::kServerTextBytes] = {};
    [[nodiscard]] std::string_view view() const noexcept { return {bytes, size}; }
    void assign(std::string_view from) noexcept {
      TextWriter writer({bytes, sizeof bytes});
      writer.escaped(from);
      size = static_cast<std::uint16_t>(writer.size());
    }
  };
  int references = 1;
  Duration retry_after;
  Text message, code, hint, request_id;
};

std::string_view name_of(Errc code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return index < kErrcCount ? kErrcNames[index] : std::string_view("unknown");
}

std::string_view name_of(Culprit culprit) noexcept { return kCulpritNames[static_cast<std::size_t>(culprit)]; }

void Error::retain(Words* words) noexcept { __atomic_add_fetch(&words->references, 1, __ATOMIC_RELAXED); }

void Error::release(Words* words) noexcept {
  if (__atomic_sub_fetch(&words->references, 1, __ATOMIC_ACQ_REL) != 0) return;
  words->~Words();
  deallocate(words, sizeof(Words));
}

Error::Words* Error::own_words() noexcept {
  if (words_ != nullptr && __atomic_load_n(&words_->references, __ATOMIC_ACQUIRE) == 1) return words_;
  void* memory = allocate(sizeof(Words));
  if (memory == nullptr) return nullptr;
  auto* made = ::new (memory) Words;
  if (words_ != nullptr) {
    *made = *words_;
    made->references = 1;
    release(words_);
  }
  words_ = made;
  return made;
}

Error Error::with_words(const ServerWords& words) && noexcept {
  if (Words* own = own_words()) {
    own->message.assign(words.message);
    own->code.assign(words.code);
    own->hint.assign(words.hint);
    own->request_id.assign(words.request_id);
  }
  return std::move(*this);
}

Error Error::with_retry_after(Duration wait) && noexcept {
  if (Words* own = own_words()) own->retry_after = wait;
  return std::move(*this);
}

ServerWords Error::server_words() const noexcept {
  if (words_ == nullptr) return {};
  return {words_->message.view(), words_->code.view(), words_->hint.view(), words_->request_id.view()};
}

Duration Error::retry_after() const noexcept { return words_ == nullptr ? Duration::zero() : words_->retry_after; }

std::size_t Error::format(std::span<char> into) const noexcept {
  TextWriter writer(into);
  writer.text(name_of(code_));
  if (number_ != 0) {
    const bool reason_code = code_ == Errc::mqtt_malformed || code_ == Errc::mqtt_protocol ||
                             code_ == Errc::mqtt_refused || code_ == Errc::server_disconnect ||
                             code_ == Errc::session_taken_over || code_ == Errc::suback_failed ||
                             code_ == Errc::publish_refused || code_ == Errc::mqtt_topic_alias ||
                             code_ == Errc::mqtt_packet_too_large || code_ == Errc::mqtt_receive_max;
    writer.text("(");
    if (reason_code) {
      writer.hex_byte(static_cast<std::uint8_t>(number_));
    } else {
      writer.number(number_);
    }
    writer.text(")");
  }
  if (!what().empty()) {
    writer.text(": ");
    writer.text(what());
  }
  if (offset_ != 0) {
    writer.text(", at byte ");
    writer.number(offset_);
  }
  if (!clause().empty()) {
    writer.text(" [");
    writer.text(clause().starts_with('[') ? clause().substr(1, clause().size() - 2) : clause());
    writer.text("]");
  }
  const ServerWords words = server_words();
  if (!words.message.empty()) {
    writer.text("; the server says: ");
    writer.text(words.message);
  }
  if (!words.code.empty()) {
    writer.text(" (");
    writer.text(words.code);
    writer.text(")");
  }
  if (!words.hint.empty()) {
    writer.text("; hint: ");
    writer.text(words.hint);
  }
  if (!words.request_id.empty()) {
    writer.text("; request ");
    writer.text(words.request_id);
  }
  if (const Duration wait = retry_after(); wait > Duration::zero()) {
    writer.text("; again in ");
    writer.number(static_cast<std::uint64_t>((wait + seconds(1) - nanoseconds(1)).seconds()));
    writer.text(" s");
  }
  return writer.size();
}

}  // namespace axonpush::inline v0
