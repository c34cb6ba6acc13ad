// What a callback is given: one incoming event as a view, its JSON read in place and only where it is asked for.
//
// Three shapes of body are understood. An object with a member `payload`, `identifier`, `eventId`, `channelId`, `orgId`
// or `traceId` is an envelope (the vendor's or a published one), and the accessors read its top-level members. Any
// other object is a bare payload, as the Python SDK sends it: payload() is the whole body, and every other accessor
// answers "absent", because a payload's own `id` or `status` says nothing about the event. Where a name stands twice
// the last one counts (RFC 8259 4). A member of another type than its accessor's is absent; member() still shows it.
//
// Lifetime: an Event and every view it gives live until the callback returns; OwnedEvent is the copy that stays.
// Thread rule: an Event on the loop's thread; an OwnedEvent on one thread at a time. Source: CONTRACT section 4.
#pragma once

#include <axonpush/json/reader.h>
#include <axonpush/mqtt/reason.h>
#include <axonpush/topic.h>

#include <optional>

namespace axonpush::inline v0 {

// The known members, in the order of CONTRACT section 4.
enum class EventMember : std::uint8_t {
  id,
  event_id,
  org_id,
  app_id,
  channel_id,
  environment_id,
  event_type,
  agent_id,
  trace_id,
  span_id,
  parent_span_id,
  parent_event_id,
  identifier,
  payload,
  metadata,
  created_at,
  occurred_at,
  updated_at,
  start_time_unix_nano,
  end_time_unix_nano,
  source,
  semantic_kind,
  operation_name,
  duration_ms,
  status,
  service_name,
  service_version,
  provider_name,
  request_model,
  response_model,
  tool_name,
  total_tokens,
  cost_usd,
  ttl,
  environment,
};
inline constexpr std::size_t kEventMemberCount = static_cast<std::size_t>(EventMember::environment) + 1;
// "eventId" and so on, as it stands in JSON.
[[nodiscard]] std::string_view name_of(EventMember member) noexcept;

// One PUBLISH as the client hands it on. The views live as long as the packet.
struct Delivery {
  std::string_view topic = {};
  std::string_view prefix = {};  // the session's topic prefix
  Bytes body = {};
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  bool maybe_duplicate = false;
};

// Where an Event keeps what it has read: one per session, used again for each event, so that none costs an allocation.
// Strings with escapes are undone into kTextBytes; what does not fit goes into one block from the heap.
class EventScratch {
 public:
  static constexpr std::size_t kMembers = 48;
  static constexpr std::size_t kTextBytes = 1024;
  static constexpr std::size_t kKeptBytes = 16 * 1024;  // a larger block goes back to the heap with the next event

  EventScratch() noexcept = default;
  EventScratch(const EventScratch&) = delete;
  EventScratch& operator=(const EventScratch&) = delete;
  ~EventScratch();

 private:
  friend class Event;
  enum class State : std::uint8_t {
    unread,   // next: invalid, read
    invalid,  // error_ says why
    read,     // members_ is filled. next: indexed
    indexed,  // slots_ too
  };
  static constexpr std::uint8_t kAbsent = 0xFF;
  static_assert(kMembers < kAbsent && kEventMemberCount <= kMembers);

  json::Member members_[kMembers];
  std::string_view texts_[kMembers];       // of members whose bit is set in undone_
  std::uint8_t slots_[kEventMemberCount];  // index in members_, or kAbsent
  State state_ = State::unread;
  bool bare_ = false;
  std::uint64_t undone_ = 0;
  std::size_t count_ = 0;  // of the body's members, which may be more than kMembers
  Error error_;
  std::uint8_t* block_ = nullptr;
  std::size_t block_size_ = 0;
  std::size_t block_used_ = 0;
  std::size_t text_used_ = 0;
  std::uint8_t text_[kTextBytes];
};

class OwnedEvent;

class Event {
 public:
  // `scratch` serves one Event at a time: a new one ends the validity of what the last one gave.
  // Member by member: a copy of the whole reads in wide pieces what was just written in small ones, and waits for it.
  Event(const Delivery& delivery, EventScratch& scratch) noexcept
      : delivery_{.topic = {delivery.topic.data(), delivery.topic.size()},
                  .prefix = {delivery.prefix.data(), delivery.prefix.size()},
                  .body = {delivery.body.data(), delivery.body.size()},
                  .qos = delivery.qos,
                  .retain = delivery.retain,
                  .dup = delivery.dup,
                  .maybe_duplicate = delivery.maybe_duplicate},
        scratch_(&scratch) {
    scratch.state_ = EventScratch::State::unread;
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] std::string_view topic() const noexcept { return delivery_.topic; }
  // The session's topic prefix.
  [[nodiscard]] std::string_view prefix() const noexcept { return delivery_.prefix; }
  // The topic's parts; all empty when it has another shape than the session's topics.
  [[nodiscard]] TopicSegments segments() const noexcept;
  // The body as it came: all there is for one that is not JSON.
  [[nodiscard]] Bytes body() const noexcept { return delivery_.body; }
  [[nodiscard]] std::string_view text() const noexcept { return text_of(delivery_.body); }
  [[nodiscard]] mqtt::Qos qos() const noexcept { return delivery_.qos; }
  [[nodiscard]] bool retain() const noexcept { return delivery_.retain; }
  [[nodiscard]] bool dup() const noexcept { return delivery_.dup; }
  // An equal event may have been delivered before (CONTRACT section 6).
  [[nodiscard]] bool maybe_duplicate() const noexcept { return delivery_.maybe_duplicate; }
  void mark_maybe_duplicate() noexcept { delivery_.maybe_duplicate = true; }

  // Is the body one JSON object? The first call reads it, whole, and the answer is kept. A callback of `subscribe` or
  // `on_event` sees only events of which this is true.
  [[nodiscard]] bool valid() const noexcept { return read(); }
  // Why not; Errc::none when it is.
  [[nodiscard]] const Error& error() const noexcept;
  // A bare payload: see the top of this file.
  [[nodiscard]] bool bare() const noexcept;

  // Strings: empty when absent. One with escapes is undone once, and then viewed in the scratch; on an exhausted heap
  // it is absent.
  [[nodiscard]] std::string_view id() const noexcept { return string(EventMember::id); }
  [[nodiscard]] std::string_view event_id() const noexcept { return string(EventMember::event_id); }
  [[nodiscard]] std::string_view org_id() const noexcept { return string(EventMember::org_id); }
  [[nodiscard]] std::string_view app_id() const noexcept { return string(EventMember::app_id); }
  [[nodiscard]] std::string_view channel_id() const noexcept { return string(EventMember::channel_id); }
  [[nodiscard]] std::string_view environment_id() const noexcept { return string(EventMember::environment_id); }
  [[nodiscard]] std::string_view environment() const noexcept { return string(EventMember::environment); }
  [[nodiscard]] std::string_view event_type() const noexcept { return string(EventMember::event_type); }
  [[nodiscard]] std::string_view agent_id() const noexcept { return string(EventMember::agent_id); }
  [[nodiscard]] std::string_view trace_id() const noexcept { return string(EventMember::trace_id); }
  [[nodiscard]] std::string_view span_id() const noexcept { return string(EventMember::span_id); }
  [[nodiscard]] std::string_view parent_span_id() const noexcept { return string(EventMember::parent_span_id); }
  [[nodiscard]] std::string_view parent_event_id() const noexcept { return string(EventMember::parent_event_id); }
  [[nodiscard]] std::string_view identifier() const noexcept { return string(EventMember::identifier); }
  [[nodiscard]] std::string_view created_at() const noexcept { return string(EventMember::created_at); }
  [[nodiscard]] std::string_view occurred_at() const noexcept { return string(EventMember::occurred_at); }
  [[nodiscard]] std::string_view updated_at() const noexcept { return string(EventMember::updated_at); }
  [[nodiscard]] std::string_view source() const noexcept { return string(EventMember::source); }
  [[nodiscard]] std::string_view semantic_kind() const noexcept { return string(EventMember::semantic_kind); }
  [[nodiscard]] std::string_view operation_name() const noexcept { return string(EventMember::operation_name); }
  [[nodiscard]] std::string_view status() const noexcept { return string(EventMember::status); }
  [[nodiscard]] std::string_view service_name() const noexcept { return string(EventMember::service_name); }
  [[nodiscard]] std::string_view service_version() const noexcept { return string(EventMember::service_version); }
  [[nodiscard]] std::string_view provider_name() const noexcept { return string(EventMember::provider_name); }
  [[nodiscard]] std::string_view request_model() const noexcept { return string(EventMember::request_model); }
  [[nodiscard]] std::string_view response_model() const noexcept { return string(EventMember::response_model); }
  [[nodiscard]] std::string_view tool_name() const noexcept { return string(EventMember::tool_name); }

  // Numbers. The two instants are also taken from a string of digits, as OpenTelemetry writes 64-bit numbers in JSON.
  [[nodiscard]] std::optional<std::uint64_t> start_time_unix_nano() const noexcept {
    return nanoseconds(EventMember::start_time_unix_nano);
  }
  [[nodiscard]] std::optional<std::uint64_t> end_time_unix_nano() const noexcept {
    return nanoseconds(EventMember::end_time_unix_nano);
  }
  [[nodiscard]] std::optional<double> duration_ms() const noexcept { return real(EventMember::duration_ms); }
  [[nodiscard]] std::optional<double> cost_usd() const noexcept { return real(EventMember::cost_usd); }
  [[nodiscard]] std::optional<std::int64_t> total_tokens() const noexcept { return integer(EventMember::total_tokens); }
  [[nodiscard]] std::optional<std::int64_t> ttl() const noexcept { return integer(EventMember::ttl); }

  // Objects, raw: a json::Cursor reads them on. Kind::absent when absent or no object.
  [[nodiscard]] json::Value payload() const noexcept;
  [[nodiscard]] json::Value metadata() const noexcept;

  // A top-level member of the body by its name, escapes undone in the comparison, of any type and any shape of body.
  [[nodiscard]] json::Value member(std::string_view name) const noexcept;
  [[nodiscard]] json::Value member(EventMember member) const noexcept;

  // A copy that outlives the callback. no_memory on an exhausted heap.
  [[nodiscard]] Result<OwnedEvent> own() const noexcept;

 protected:
  Event(Event&& other) noexcept = default;
  Event& operator=(Event&& other) noexcept = default;
  Delivery delivery_;
  EventScratch* scratch_;

 private:
  [[nodiscard]] bool read() const noexcept { return scratch_->state_ >= EventScratch::State::read || read_body(); }
  [[nodiscard]] bool read_body() const noexcept;
  [[nodiscard]] bool index() const noexcept { return scratch_->state_ == EventScratch::State::indexed || index_body(); }
  [[nodiscard]] bool index_body() const noexcept;
  void index_members() const noexcept;
  void keep_known_members() const noexcept;
  // The slot of a member that an envelope has, or kAbsent.
  [[nodiscard]] std::uint8_t slot_of(EventMember member) const noexcept {
    return index() ? scratch_->slots_[static_cast<std::size_t>(member)] : EventScratch::kAbsent;
  }
  [[nodiscard]] std::string_view string(EventMember member) const noexcept {
    const std::uint8_t slot = slot_of(member);
    if (slot == EventScratch::kAbsent) return {};
    const json::Value& value = scratch_->members_[slot].value;
    // The reader says this of strings only.
    if (!value.may_have_escapes) [[likely]]
      return {value.raw.data() + 1, value.raw.size() - 2};
    return escaped_string(slot);
  }
  [[nodiscard]] std::string_view escaped_string(std::uint8_t slot) const noexcept;
  [[nodiscard]] std::string_view undo_escapes(std::uint8_t slot) const noexcept;
  [[nodiscard]] json::Value object(EventMember member) const noexcept;
  [[nodiscard]] std::optional<std::int64_t> integer(EventMember member) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> nanoseconds(EventMember member) const noexcept;
  [[nodiscard]] std::optional<double> real(EventMember member) const noexcept;
};

// A copy of an Event: topic, prefix, body and room to read it, in one block. Where `const Event&` is taken it can be
// given. Empty only after it was moved from; then it may be assigned to or destroyed.
class OwnedEvent : public Event {
 public:
  [[nodiscard]] static Result<OwnedEvent> copy(const Event& event) noexcept;
  OwnedEvent(OwnedEvent&& other) noexcept;
  OwnedEvent& operator=(OwnedEvent&& other) noexcept;
  ~OwnedEvent() { release(); }

 private:
  OwnedEvent(const Delivery& delivery, EventScratch& scratch, std::size_t block_size) noexcept
      : Event(delivery, scratch), block_size_(block_size) {}
  void release() noexcept;
  std::size_t block_size_;  // the block begins with the scratch
};

}  // namespace axonpush::inline v0
