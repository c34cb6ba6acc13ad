#include <axonpush/event.h>

#include <new>
#include <utility>

#include "base/alloc.h"
#include "event/member_names.h"

namespace axonpush::inline v0 {

namespace {

// An object with one of these is an envelope. They are the names that say where an event belongs; those left out (`id`,
// `status`, `source`, `metadata` ...) are common in payloads too, and to take a payload's `id` for the event's would
// make different events look like repetitions of one.
constexpr EventMember kEnvelopeMembers[] = {EventMember::payload,    EventMember::identifier, EventMember::event_id,
                                            EventMember::channel_id, EventMember::org_id,     EventMember::trace_id};

constexpr json::Limits kLimits;

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The object itself, of a body that has been validated as one.
json::Value root_of(std::string_view body) noexcept {
  while (!body.empty() && is_space(body.front())) body.remove_prefix(1);
  while (!body.empty() && is_space(body.back())) body.remove_suffix(1);
  return {body, json::Kind::object};
}

// A name spelled with escapes, which nobody does. The known member, kEventMemberCount for none.
[[gnu::noinline]] std::size_t known_escaped(const json::Member& member) noexcept {
  for (std::size_t at = 0; at < kEventMemberCount; ++at) {
    if (json::key_equals(member, kMemberIndex.name(at))) return at;
  }
  return kEventMemberCount;
}

// No name has a backslash, so a key with escapes is looked for in vain first: it is the rare one that pays.
inline std::size_t known_member(const json::Member& member) noexcept {
  const std::size_t known = kMemberIndex.find_quoted(member.key);
  if (known == kEventMemberCount && member.key_escaped) [[unlikely]]
    return known_escaped(member);
  return known;
}

bool parse_digits(std::string_view text, std::uint64_t& value) noexcept {
  if (text.empty()) return false;
  value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value)) return false;
    if (__builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) return false;
  }
  return true;
}

}  // namespace

std::string_view name_of(EventMember member) noexcept {
  const auto index = static_cast<std::size_t>(member);
  return index < kEventMemberCount ? kMemberIndex.name(index) : std::string_view("unknown");
}

EventScratch::~EventScratch() {
  if (block_ != nullptr) deallocate(block_, block_size_);
}

TopicSegments Event::segments() const noexcept {
  TopicSegments segments;
  static_cast<void>(split_topic(delivery_.topic, delivery_.prefix, segments));
  return segments;
}

bool Event::read_body() const noexcept {
  EventScratch& scratch = *scratch_;
  if (scratch.state_ == EventScratch::State::invalid) return false;
  if (Error error = json::read_object(delivery_.body, kLimits, scratch.members_, scratch.count_)) {
    scratch.error_ = std::move(error);
    scratch.state_ = EventScratch::State::invalid;
    return false;
  }
  if (scratch.error_) scratch.error_ = Error();
  scratch.state_ = EventScratch::State::read;
  return true;
}

const Error& Event::error() const noexcept {
  static_cast<void>(read());
  return scratch_->error_;
}

bool Event::bare() const noexcept { return index() && scratch_->bare_; }

bool Event::index_body() const noexcept {
  if (!read()) return false;
  index_members();
  return true;
}

void Event::index_members() const noexcept {
  EventScratch& scratch = *scratch_;
  std::memset(scratch.slots_, EventScratch::kAbsent, sizeof scratch.slots_);
  scratch.undone_ = 0;
  scratch.text_used_ = 0;
  scratch.block_used_ = 0;
  if (scratch.block_size_ > EventScratch::kKeptBytes) {
    deallocate(scratch.block_, scratch.block_size_);
    scratch.block_ = nullptr;
    scratch.block_size_ = 0;
  }
  if (scratch.count_ > EventScratch::kMembers) {
    keep_known_members();
  } else {
    const auto count = static_cast<unsigned>(scratch.count_);
    for (unsigned at = 0; at < count; ++at) {
      const std::size_t known = known_member(scratch.members_[at]);
      // RFC 8259 4: names should be unique; of equal ones the last counts.
      if (known != kEventMemberCount) scratch.slots_[known] = static_cast<std::uint8_t>(at);
    }
  }
  unsigned all = EventScratch::kAbsent;  // stays so when each of them is absent
  for (const EventMember member : kEnvelopeMembers) all &= scratch.slots_[static_cast<std::size_t>(member)];
  scratch.bare_ = all == EventScratch::kAbsent;
  if (scratch.bare_) std::memset(scratch.slots_, EventScratch::kAbsent, sizeof scratch.slots_);
  scratch.state_ = EventScratch::State::indexed;
}

// More members than there is room for: the known ones take the places of the first.
void Event::keep_known_members() const noexcept {
  EventScratch& scratch = *scratch_;
  std::uint8_t used = 0;
  json::Cursor cursor(root_of(text()));
  json::Member member;
  while (cursor.next(member)) {
    const std::size_t known = known_member(member);
    if (known == kEventMemberCount) continue;
    if (scratch.slots_[known] == EventScratch::kAbsent) scratch.slots_[known] = used++;
    scratch.members_[scratch.slots_[known]] = member;
  }
}

// Of a member that is no string, or whose escapes must be undone.
std::string_view Event::escaped_string(std::uint8_t slot) const noexcept {
  return scratch_->members_[slot].value.kind == json::Kind::string ? undo_escapes(slot) : std::string_view();
}

std::string_view Event::undo_escapes(std::uint8_t slot) const noexcept {
  EventScratch& scratch = *scratch_;
  if ((scratch.undone_ >> slot & 1) != 0) return scratch.texts_[slot];
  const json::Value& value = scratch.members_[slot].value;
  MutableBytes room = MutableBytes(scratch.text_).subspan(scratch.text_used_);
  std::size_t* used = &scratch.text_used_;
  if (value.raw.size() > room.size()) {
    // All strings of a body together are shorter than it, so one block of its size serves for the whole event.
    if (scratch.block_used_ == 0 && scratch.block_size_ < delivery_.body.size()) {
      if (scratch.block_ != nullptr) deallocate(scratch.block_, scratch.block_size_);
      scratch.block_ = static_cast<std::uint8_t*>(allocate(delivery_.body.size()));
      scratch.block_size_ = scratch.block_ == nullptr ? 0 : delivery_.body.size();
    }
    room = MutableBytes(scratch.block_, scratch.block_size_).subspan(scratch.block_used_);
    used = &scratch.block_used_;
  }
  std::string_view text;
  if (!value.text(room, text)) return {};
  *used += text.size();
  scratch.texts_[slot] = text;
  scratch.undone_ |= std::uint64_t{1} << slot;
  return text;
}

std::optional<std::int64_t> Event::integer(EventMember member) const noexcept {
  const std::uint8_t slot = slot_of(member);
  std::int64_t value = 0;
  if (slot == EventScratch::kAbsent || !scratch_->members_[slot].value.integer(value)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> Event::nanoseconds(EventMember member) const noexcept {
  const std::uint8_t slot = slot_of(member);
  if (slot == EventScratch::kAbsent) return std::nullopt;
  std::uint64_t value = 0;
  if (scratch_->members_[slot].value.unsigned_integer(value) || parse_digits(string(member), value)) return value;
  return std::nullopt;
}

std::optional<double> Event::real(EventMember member) const noexcept {
  const std::uint8_t slot = slot_of(member);
  double value = 0;
  if (slot == EventScratch::kAbsent || !scratch_->members_[slot].value.real(value)) return std::nullopt;
  return value;
}

json::Value Event::payload() const noexcept {
  if (!index()) return {};
  return scratch_->bare_ ? root_of(text()) : object(EventMember::payload);
}

json::Value Event::metadata() const noexcept { return object(EventMember::metadata); }

json::Value Event::object(EventMember member) const noexcept {
  const std::uint8_t slot = slot_of(member);
  if (slot == EventScratch::kAbsent || scratch_->members_[slot].value.kind != json::Kind::object) return {};
  return scratch_->members_[slot].value;
}

json::Value Event::member(EventMember member) const noexcept {
  if (bare()) return this->member(name_of(member));
  const std::uint8_t slot = slot_of(member);
  return slot == EventScratch::kAbsent ? json::Value() : scratch_->members_[slot].value;
}

json::Value Event::member(std::string_view name) const noexcept {
  if (!read()) return {};
  EventScratch& scratch = *scratch_;
  json::Value found;
  if (scratch.count_ <= EventScratch::kMembers) {
    for (std::size_t at = 0; at < scratch.count_; ++at) {
      if (json::key_equals(scratch.members_[at], name)) found = scratch.members_[at].value;
    }
    return found;
  }
  json::Cursor cursor(root_of(text()));
  json::Member member;
  while (cursor.next(member)) {
    if (json::key_equals(member, name)) found = member.value;
  }
  return found;
}

Result<OwnedEvent> Event::own() const noexcept { return OwnedEvent::copy(*this); }

Result<OwnedEvent> OwnedEvent::copy(const Event& event) noexcept {
  const std::string_view topic = event.topic();
  const std::string_view prefix = event.prefix();
  const std::string_view body = event.text();
  const std::size_t size = sizeof(EventScratch) + topic.size() + prefix.size() + body.size();
  void* block = allocate(size);
  if (block == nullptr) return Error(Errc::no_memory, "no memory for the copy of an event");
  auto* scratch = ::new (block) EventScratch;
  char* at = static_cast<char*>(block) + sizeof(EventScratch);
  const auto keep = [&at](std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return std::string_view(std::exchange(at, at + text.size()), text.size());
  };
  Delivery delivery{.topic = keep(topic), .prefix = keep(prefix), .body = bytes_of(keep(body))};
  delivery.qos = event.qos();
  delivery.retain = event.retain();
  delivery.dup = event.dup();
  delivery.maybe_duplicate = event.maybe_duplicate();
  return OwnedEvent(delivery, *scratch, size);
}

OwnedEvent::OwnedEvent(OwnedEvent&& other) noexcept : Event(std::move(other)), block_size_(other.block_size_) {
  other.scratch_ = nullptr;
  other.delivery_ = {};
}

OwnedEvent& OwnedEvent::operator=(OwnedEvent&& other) noexcept {
  if (this == &other) return *this;
  release();
  Event::operator=(std::move(other));
  block_size_ = other.block_size_;
  other.scratch_ = nullptr;
  other.delivery_ = {};
  return *this;
}

void OwnedEvent::release() noexcept {
  if (scratch_ == nullptr) return;
  scratch_->~EventScratch();
  deallocate(scratch_, block_size_);
  scratch_ = nullptr;
}

}  // namespace axonpush::inline v0
