// A decoder of MQTT 5 packets written a second time, from the specification alone: one byte at a time, copies of
// everything, a fault is an exception, and its tables are sets of words. It shares no code with the library, so that a
// mistake in one is not repeated in the other. Slow on purpose.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace axonpush::reference {

struct Judged {
  std::string verdict;   // "accept", "reject", "incomplete"
  unsigned reason = 0;   // reject
  std::size_t size = 0;  // accept
  std::string type;      // accept: "PUBLISH" ...
  std::map<std::string, std::string> fields;
};

class Decoder {
 public:
  Decoder(std::vector<std::uint8_t> bytes, bool from_server, std::uint64_t packet_max)
      : bytes_(std::move(bytes)), from_server_(from_server), packet_max_(packet_max) {}

  Judged run() {
    Judged judged;
    try {
      packet(judged);
      judged.verdict = "accept";
    } catch (const Fault& fault) {
      judged = Judged{};
      judged.verdict = "reject";
      judged.reason = fault.reason;
    } catch (const Incomplete&) {
      judged = Judged{};
      judged.verdict = "incomplete";
    }
    return judged;
  }

 private:
  using Words = std::set<std::string>;
  struct Fault {
    unsigned reason;
  };
  struct Incomplete {};
  static constexpr unsigned kMalformed = 0x81;
  static constexpr unsigned kProtocol = 0x82;

  [[noreturn]] static void malformed() { throw Fault{kMalformed}; }
  [[noreturn]] static void protocol() { throw Fault{kProtocol}; }

  // --- 2.1 fixed header ---
  void packet(Judged& judged) {
    if (bytes_.empty()) throw Incomplete{};
    static const char* const kNames[] = {"",        "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
                                         "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
                                         "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};
    type_ = kNames[bytes_[0] / 16];
    flags_ = bytes_[0] % 16;
    if (type_.empty()) malformed();
    check_flags();
    std::uint64_t remaining = 0;
    std::uint64_t weight = 1;
    std::size_t at = 1;
    while (true) {
      if (at == bytes_.size()) throw Incomplete{};
      const unsigned byte = bytes_[at];
      remaining += byte % 128 * weight;
      weight *= 128;
      ++at;
      if (byte < 128) {
        if (byte == 0 && at > 2) malformed();
        break;
      }
      if (at == 5) malformed();
    }
    static const Words kServerOnly = {"CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"};
    static const Words kClientOnly = {"CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"};
    if ((from_server_ ? kClientOnly : kServerOnly).count(type_) != 0) protocol();
    if (at + remaining > packet_max_) throw Fault{0x95};
    if (at + remaining > bytes_.size()) throw Incomplete{};
    at_ = at;
    end_ = at + static_cast<std::size_t>(remaining);
    fields_ = &judged.fields;
    body();
    if (at_ != end_) malformed();
    judged.size = end_;
    judged.type = type_;
  }
  void check_flags() const {
    if (type_ == "PUBLISH") {
      const unsigned qos = flags_ / 2 % 4;
      if (qos == 3) malformed();
      if (qos == 0 && flags_ >= 8) malformed();
      return;
    }
    const bool two = type_ == "PUBREL" || type_ == "SUBSCRIBE" || type_ == "UNSUBSCRIBE";
    if (flags_ != (two ? 2U : 0U)) malformed();
  }

  // --- 1.5 data representation ---
  unsigned take() {
    if (at_ == end_) malformed();
    return bytes_[at_++];
  }
  std::uint64_t integer(int size) {
    std::uint64_t value = 0;
    for (int count = 0; count < size; ++count) value = value * 256 + take();
    return value;
  }
  std::uint64_t variable() {
    std::uint64_t value = 0;
    std::uint64_t weight = 1;
    for (int count = 1;; ++count) {
      const unsigned byte = take();
      value += byte % 128 * weight;
      weight *= 128;
      if (byte < 128) {
        if (byte == 0 && count > 1) malformed();
        return value;
      }
      if (count == 4) malformed();
    }
  }
  std::string binary() {
    const std::uint64_t size = integer(2);
    if (size > end_ - at_) malformed();
    std::string value;
    for (std::uint64_t count = 0; count < size; ++count) value.push_back(static_cast<char>(take()));
    return value;
  }
  std::string string() {
    std::string value = binary();
    check_text(value);
    return value;
  }
  // Unicode's own rules, by the value of each code point.
  static void check_text(const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const unsigned lead = static_cast<unsigned char>(text[at]);
      int more = 0;
      std::uint32_t code = lead;
      if (lead >= 0xF8) malformed();
      if (lead >= 0xF0) {
        more = 3;
        code = lead - 0xF0;
      } else if (lead >= 0xE0) {
        more = 2;
        code = lead - 0xE0;
      } else if (lead >= 0xC0) {
        more = 1;
        code = lead - 0xC0;
      } else if (lead >= 0x80) {
        malformed();
      }
      ++at;
      for (int count = 0; count < more; ++count, ++at) {
        if (at == text.size()) malformed();
        const unsigned next = static_cast<unsigned char>(text[at]);
        if (next < 0x80 || next > 0xBF) malformed();
        code = code * 64 + (next - 0x80);
      }
      static constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
      if (code < kLeast[more] || code > 0x10FFFF) malformed();
      if (code >= 0xD800 && code <= 0xDFFF) malformed();
      if (code == 0) malformed();
    }
  }
  static std::string hex(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
      const unsigned byte = static_cast<unsigned char>(c);
      text += "0123456789abcdef"[byte / 16];
      text += "0123456789abcdef"[byte % 16];
    }
    return text;
  }
  static bool has_wildcard(const std::string& text) {
    return text.find('+') != std::string::npos || text.find('#') != std::string::npos;
  }
  void put(const std::string& name, const std::string& value) { (*fields_)[name] = value; }
  void put(const std::string& name, std::uint64_t value) { (*fields_)[name] = std::to_string(value); }

  // --- 2.2.2 properties ---
  struct Known {
    const char* key;
    char form;  // b byte, 2, 4, v variable, s string, p pair, x binary
    Words homes;
  };
  static const std::map<std::uint64_t, Known>& known() {
    static const Words kAll = {"CONNECT", "CONNACK",   "PUBLISH", "WILL",        "PUBACK",   "PUBREC",     "PUBREL",
                               "PUBCOMP", "SUBSCRIBE", "SUBACK",  "UNSUBSCRIBE", "UNSUBACK", "DISCONNECT", "AUTH"};
    static const std::map<std::uint64_t, Known> kKnown = {
        {1, {"payload_format_indicator", 'b', {"PUBLISH", "WILL"}}},
        {2, {"message_expiry_interval", '4', {"PUBLISH", "WILL"}}},
        {3, {"content_type", 's', {"PUBLISH", "WILL"}}},
        {8, {"response_topic", 's', {"PUBLISH", "WILL"}}},
        {9, {"correlation_data", 'x', {"PUBLISH", "WILL"}}},
        {11, {"subscription_identifier", 'v', {"PUBLISH", "SUBSCRIBE"}}},
        {17, {"session_expiry_interval", '4', {"CONNECT", "CONNACK", "DISCONNECT"}}},
        {18, {"assigned_client_identifier", 's', {"CONNACK"}}},
        {19, {"server_keep_alive", '2', {"CONNACK"}}},
        {21, {"authentication_method", 's', {"CONNECT", "CONNACK", "AUTH"}}},
        {22, {"authentication_data", 'x', {"CONNECT", "CONNACK", "AUTH"}}},
        {23, {"request_problem_information", 'b', {"CONNECT"}}},
        {24, {"will_delay_interval", '4', {"WILL"}}},
        {25, {"request_response_information", 'b', {"CONNECT"}}},
        {26, {"response_information", 's', {"CONNACK"}}},
        {28, {"server_reference", 's', {"CONNACK", "DISCONNECT"}}},
        {31,
         {"reason_string",
          's',
          {"CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"}}},
        {33, {"receive_maximum", '2', {"CONNECT", "CONNACK"}}},
        {34, {"topic_alias_maximum", '2', {"CONNECT", "CONNACK"}}},
        {35, {"topic_alias", '2', {"PUBLISH"}}},
        {36, {"maximum_qos", 'b', {"CONNACK"}}},
        {37, {"retain_available", 'b', {"CONNACK"}}},
        {38, {"user_property", 'p', kAll}},
        {39, {"maximum_packet_size", '4', {"CONNECT", "CONNACK"}}},
        {40, {"wildcard_subscription_available", 'b', {"CONNACK"}}},
        {41, {"subscription_identifier_available", 'b', {"CONNACK"}}},
        {42, {"shared_subscription_available", 'b', {"CONNACK"}}},
    };
    return kKnown;
  }
  // Answers the keys that were there.
  Words properties(const std::string& home, const std::string& prefix = "") {
    const std::uint64_t length = variable();
    if (length > end_ - at_) malformed();
    const std::size_t packet_end = end_;
    end_ = at_ + static_cast<std::size_t>(length);  // a property may not run past the properties
    Words seen;
    std::map<std::string, unsigned> counts;
    while (at_ != end_) {
      const std::uint64_t id = variable();
      const auto found = known().find(id);
      if (found == known().end()) malformed();
      const Known& row = found->second;
      const std::string key = row.key;
      if (row.homes.count(home) == 0) malformed();
      if (home == "DISCONNECT" && from_server_ && key == "session_expiry_interval") protocol();
      if (home == "PUBLISH" && !from_server_ && key == "subscription_identifier") protocol();
      const bool repeats = key == "user_property" || (key == "subscription_identifier" && home == "PUBLISH");
      if (!repeats && seen.count(key) != 0) protocol();
      seen.insert(key);
      property_value(row, prefix + "properties." + key, counts[key]++);
    }
    end_ = packet_end;
    return seen;
  }
  void property_value(const Known& row, const std::string& name, unsigned index) {
    const std::string key = row.key;
    switch (row.form) {
      case 'b': {
        const std::uint64_t value = integer(1);
        if (value > 1) protocol();
        put(name, value);
        break;
      }
      case '2':
      case '4': {
        const std::uint64_t value = integer(row.form - '0');
        if (value == 0 && (key == "receive_maximum" || key == "maximum_packet_size")) protocol();
        if (value == 0 && key == "topic_alias") throw Fault{0x94};
        put(name, value);
        break;
      }
      case 'v': {
        const std::uint64_t value = variable();
        if (value == 0) protocol();
        put(name + "." + std::to_string(index), value);
        break;
      }
      case 's': {
        const std::string value = binary();
        if (key == "response_topic" && value.empty()) protocol();
        check_text(value);
        if (key == "response_topic" && has_wildcard(value)) protocol();
        put(name, value);
        break;
      }
      case 'p': {
        const std::string left = string();
        const std::string right = string();
        put(name + "." + std::to_string(index) + ".0", left);
        put(name + "." + std::to_string(index) + ".1", right);
        break;
      }
      default:
        put(name, hex(binary()));
        break;
    }
  }

  // --- 2.4 reason codes, from the tables of chapter 3 ---
  std::set<unsigned> codes() const {
    if (type_ == "CONNACK") {
      return {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
              0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F};
    }
    if (type_ == "PUBACK" || type_ == "PUBREC") {
      std::set<unsigned> all = {0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
      if (from_server_) all.insert(0x10);
      return all;
    }
    if (type_ == "PUBREL" || type_ == "PUBCOMP") return {0x00, 0x92};
    if (type_ == "SUBACK") return {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2};
    if (type_ == "UNSUBACK") return {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91};
    if (type_ == "AUTH") return from_server_ ? std::set<unsigned>{0x00, 0x18} : std::set<unsigned>{0x18, 0x19};
    if (from_server_) {
      return {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
              0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2};
    }
    return {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99};
  }
  unsigned reason_code() {
    const unsigned code = take();
    if (codes().count(code) == 0) protocol();
    return code;
  }
  void packet_id() {
    const std::uint64_t id = integer(2);
    if (id == 0) protocol();
    put("packet_id", id);
  }

  // --- chapter 3 ---
  void body() {
    if (type_ == "CONNECT") return connect();
    if (type_ == "CONNACK") return connack();
    if (type_ == "PUBLISH") return publish();
    if (type_ == "SUBSCRIBE" || type_ == "UNSUBSCRIBE") return filters();
    if (type_ == "SUBACK" || type_ == "UNSUBACK") return reason_list();
    if (type_ == "DISCONNECT" || type_ == "AUTH") return notice();
    if (type_ == "PINGREQ" || type_ == "PINGRESP") return;
    acknowledgement();
  }
  void connect() {
    if (binary() != "MQTT") throw Fault{0x84};
    if (take() != 5) throw Fault{0x84};
    const unsigned flags = take();
    const unsigned will_qos = flags / 8 % 4;
    const bool will = flags / 4 % 2 == 1;
    const bool will_retain = flags / 32 % 2 == 1;
    if (flags % 2 == 1) malformed();
    if (!will && (will_qos != 0 || will_retain)) malformed();
    if (will_qos == 3) malformed();
    put("clean_start", flags / 2 % 2);
    put("keep_alive", integer(2));
    const Words seen = properties("CONNECT");
    if (seen.count("authentication_data") != 0 && seen.count("authentication_method") == 0) protocol();
    put("client_id", string());
    if (will) {
      put("will.qos", will_qos);
      put("will.retain", will_retain ? 1 : 0);
      properties("WILL", "will.");
      const std::string topic = binary();
      if (topic.empty()) protocol();
      check_text(topic);
      if (has_wildcard(topic)) malformed();
      put("will.topic", topic);
      put("will.payload_hex", hex(binary()));
    }
    if (flags >= 128) put("user_name", string());
    if (flags / 64 % 2 == 1) put("password_hex", hex(binary()));
  }
  void connack() {
    const unsigned flags = take();
    if (flags > 1) malformed();
    put("session_present", flags);
    const unsigned code = reason_code();
    if (flags == 1 && code != 0) protocol();
    put("reason_code", code);
    properties("CONNACK");
  }
  void publish() {
    const std::string topic = string();
    if (has_wildcard(topic)) malformed();
    put("topic", topic);
    put("qos", flags_ / 2 % 4);
    put("dup", flags_ / 8);
    put("retain", flags_ % 2);
    if (flags_ / 2 % 4 != 0) packet_id();
    const Words seen = properties("PUBLISH");
    if (topic.empty() && seen.count("topic_alias") == 0) protocol();
    std::string payload;
    while (at_ != end_) payload.push_back(static_cast<char>(take()));
    put("payload_hex", hex(payload));
  }
  void acknowledgement() {
    packet_id();
    unsigned code = 0;
    if (at_ != end_) code = reason_code();
    put("reason_code", code);
    if (at_ != end_) properties(type_);
  }
  void filters() {
    packet_id();
    properties(type_);
    if (at_ == end_) protocol();
    unsigned count = 0;
    for (; at_ != end_; ++count) {
      const std::string filter = binary();
      check_filter(filter);
      const std::string name = "topic_filters." + std::to_string(count);
      put(name, filter);
      if (type_ != "SUBSCRIBE") continue;
      const unsigned options = take();
      if (options >= 64) malformed();
      if (options % 4 == 3) protocol();
      if (options / 16 == 3) protocol();
      if (options / 4 % 2 == 1 && filter.rfind("$share/", 0) == 0) protocol();
      put(name + ".qos", options % 4);
      put(name + ".no_local", options / 4 % 2);
      put(name + ".retain_as_published", options / 8 % 2);
      put(name + ".retain_handling", options / 16);
    }
    put("topic_filters.count", count);
  }
  static void check_filter(const std::string& filter) {
    if (filter.empty()) protocol();
    check_text(filter);
    std::vector<std::string> levels(1);
    for (const char c : filter) {
      if (c == '/') {
        levels.emplace_back();
      } else {
        levels.back().push_back(c);
      }
    }
    std::size_t first = 0;
    if (levels[0] == "$share" && levels.size() > 1) {
      // $share / name / filter
      if (levels.size() < 3 || levels[1].empty() || has_wildcard(levels[1])) malformed();
      if (levels.size() == 3 && levels[2].empty()) malformed();
      first = 2;
    }
    for (std::size_t at = first; at < levels.size(); ++at) {
      if (levels[at] == "+") continue;
      if (levels[at] == "#" && at + 1 == levels.size()) continue;
      if (has_wildcard(levels[at])) malformed();
    }
  }
  void reason_list() {
    packet_id();
    properties(type_);
    if (at_ == end_) protocol();
    for (unsigned count = 0; at_ != end_; ++count) put("reason_codes." + std::to_string(count), reason_code());
  }
  void notice() {
    unsigned code = 0;
    Words seen;
    if (at_ != end_) code = reason_code();
    put("reason_code", code);
    if (at_ != end_) seen = properties(type_);
    if (type_ == "AUTH" && seen.count("authentication_method") == 0) protocol();
  }

  std::vector<std::uint8_t> bytes_;
  bool from_server_;
  std::uint64_t packet_max_;
  std::string type_;
  unsigned flags_ = 0;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::map<std::string, std::string>* fields_ = nullptr;
};

inline Judged decode(std::vector<std::uint8_t> bytes, bool from_server, std::uint64_t packet_max) {
  return Decoder(std::move(bytes), from_server, packet_max).run();
}

}  // namespace axonpush::reference
