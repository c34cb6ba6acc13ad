#include "tool/flags.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

namespace axonpush::tool {

namespace {

// std::string's operator+ with a literal in front trips -Wrestrict in g++ 12.
std::string join(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts) whole.append(part);
  return whole;
}

std::string quoted(std::string_view text) {
  // What was typed may hold anything; a terminal must not obey it.
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string shown = "'";
  for (const char character : text.substr(0, 200)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte != 0x7F) {
      shown += character;
    } else {
      shown += "\\x";
      shown += kDigits[byte >> 4];
      shown += kDigits[byte & 15];
    }
  }
  shown += '\'';
  return shown;
}

bool read_number(std::string_view text, std::uint64_t& value) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool read_seconds(std::string_view text, Duration& value) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::uint64_t seconds = 0;
  // A hundred years: more is a typing error, and the sum below cannot overflow.
  if (!read_number(whole, seconds) || seconds > 3'153'600'000U) return false;
  std::uint64_t nanoseconds = 0;
  if (point != std::string_view::npos) {
    std::string fraction(text.substr(point + 1));
    if (fraction.empty() || fraction.size() > 9) return false;
    fraction.resize(9, '0');
    if (!read_number(fraction, nanoseconds)) return false;
  }
  value = axonpush::seconds(static_cast<std::int64_t>(seconds)) +
          axonpush::nanoseconds(static_cast<std::int64_t>(nanoseconds));
  return true;
}

std::string seconds_text(Duration value) {
  char text[48];
  const auto fraction = static_cast<long long>(value.nanoseconds() % 1'000'000'000);
  std::snprintf(text, sizeof text, "%lld.%09lld", static_cast<long long>(value.seconds()), fraction);
  std::string shown = text;
  shown.erase(shown.find_last_not_of('0') + 1);
  if (shown.back() == '.') shown.pop_back();
  return shown;
}

bool read_bool(std::string_view text, bool& value) {
  if (text == "true" || text == "1" || text == "yes") {
    value = true;
  } else if (text == "false" || text == "0" || text == "no") {
    value = false;
  } else {
    return false;
  }
  return true;
}

// The least number of letters to add, drop or change: tells which flag was probably meant.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string_view environment_value(std::string_view variable) {
  if (variable.empty()) return {};
  const char* value = std::getenv(std::string(variable).c_str());
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

void Flags::add(Flag flag) { flags_.push_back(std::move(flag)); }

void Flags::text(std::string& into, const FlagInfo& info) {
  add({.info = info, .kind = Kind::text, .into = &into, .shown_default = into});
}

void Flags::texts(std::vector<std::string>& into, const FlagInfo& info) {
  add({.info = info, .kind = Kind::texts, .into = &into, .shown_default = {}});
}

void Flags::number(std::uint64_t& into, std::uint64_t least, std::uint64_t most, const FlagInfo& info) {
  add({.info = info,
       .kind = Kind::number,
       .into = &into,
       .least = least,
       .most = most,
       .shown_default = std::to_string(into)});
}

void Flags::port(std::uint16_t& into, const FlagInfo& info) {
  add({.info = info,
       .kind = Kind::port,
       .into = &into,
       .most = 65'535,
       .shown_default = into == 0 ? std::string("any free one") : std::to_string(into)});
}

void Flags::seconds(Duration& into, const FlagInfo& info) {
  add({.info = info, .kind = Kind::seconds, .into = &into, .shown_default = seconds_text(into)});
}

void Flags::toggle(bool& into, const FlagInfo& info) {
  add({.info = info, .kind = Kind::toggle, .into = &into, .shown_default = into ? "true" : ""});
}

void Flags::words(std::vector<std::string>& into, std::string_view value, std::string_view help) {
  words_ = &into;
  words_value_ = value;
  words_help_ = help;
}

bool Flags::given(std::string_view name) const {
  return std::any_of(flags_.begin(), flags_.end(),
                     [&](const Flag& flag) { return flag.info.name == name && flag.given; });
}

Flags::Flag* Flags::find(std::string_view name) {
  const auto found =
      std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.info.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

bool Flags::assign(Flag& flag, std::string_view value) const {
  switch (flag.kind) {
    case Kind::text:
      static_cast<std::string*>(flag.into)->assign(value);
      return true;
    case Kind::texts:
      static_cast<std::vector<std::string>*>(flag.into)->emplace_back(value);
      return true;
    case Kind::toggle:
      return read_bool(value, *static_cast<bool*>(flag.into));
    case Kind::seconds:
      return read_seconds(value, *static_cast<Duration*>(flag.into));
    case Kind::number:
    case Kind::port:
      break;
  }
  std::uint64_t read = 0;
  if (!read_number(value, read) || read < flag.least || read > flag.most) return false;
  if (flag.kind == Kind::number) {
    *static_cast<std::uint64_t*>(flag.into) = read;
  } else {
    *static_cast<std::uint16_t*>(flag.into) = static_cast<std::uint16_t>(read);
  }
  return true;
}

std::string Flags::wanted_by(const Flag& flag) const {
  switch (flag.kind) {
    case Kind::number:
      if (flag.most == UINT64_MAX) return join({"a whole number of at least ", std::to_string(flag.least)});
      [[fallthrough]];
    case Kind::port:
      return join({"a whole number from ", std::to_string(flag.least), " to ", std::to_string(flag.most)});
    case Kind::seconds:
      return "seconds, such as 30 or 0.25";
    case Kind::toggle:
      return "true or false";
    case Kind::text:
    case Kind::texts:
      break;
  }
  return "text";
}

std::optional<int> Flags::assign_or_say(Flag& flag, std::string_view value, std::string_view source) const {
  if (assign(flag, value)) {
    flag.given = true;
    return std::nullopt;
  }
  const std::string shown = flag.info.secret ? std::string("what it was given") : quoted(value);
  return misuse(join({source, " takes ", wanted_by(flag), ", not ", shown}));
}

std::string Flags::unknown(std::string_view name) const {
  const Flag* nearest = nullptr;
  std::size_t nearest_distance = 3;  // further away it is a guess that only confuses
  for (const Flag& flag : flags_) {
    const std::size_t distance = edit_distance(name.substr(0, 64), flag.info.name);
    if (distance < nearest_distance) {
      nearest = &flag;
      nearest_distance = distance;
    }
  }
  const std::string sentence = join({"there is no flag ", quoted(join({"--", name}))});
  return nearest == nullptr ? sentence : join({sentence, " (did you mean --", nearest->info.name, "?)"});
}

int Flags::misuse(std::string_view sentence) const {
  const std::string command(command_);
  std::fprintf(stderr, "axonpush %s: %.*s; see axonpush %s --help\n", command.c_str(),
               static_cast<int>(sentence.size()), sentence.data(), command.c_str());
  return 2;
}

std::optional<int> Flags::take_flag(Arguments arguments, std::size_t& index) {
  const std::string_view body = arguments[index].substr(2);
  const std::size_t equals = body.find('=');
  const std::string_view name = body.substr(0, equals);
  Flag* flag = find(name);
  if (flag == nullptr) return misuse(unknown(name));
  const std::string source = join({"--", name});
  if (flag->given && flag->kind != Kind::texts) return misuse(join({source, " is given twice"}));
  if (equals != std::string_view::npos) return assign_or_say(*flag, body.substr(equals + 1), source);
  if (flag->kind == Kind::toggle) return assign_or_say(*flag, "true", source);
  // A value that starts with a dash is written --name=value: so a forgotten value is not silently the next flag.
  if (index + 1 == arguments.size() || arguments[index + 1].starts_with("--")) {
    return misuse(join({source, " needs a value (", wanted_by(*flag), ")"}));
  }
  return assign_or_say(*flag, arguments[++index], source);
}

void Flags::name_variables() {
  const auto variable_of = [](std::string_view words) {
    std::string variable = "AXONPUSH_";
    for (const char letter : words) {
      const bool lower = letter >= 'a' && letter <= 'z';
      variable += lower ? static_cast<char>(letter - 'a' + 'A') : letter == '-' || letter == ' ' ? '_' : letter;
    }
    return variable;
  };
  for (Flag& flag : flags_) {
    if (!flag.info.environment.empty() || flag.kind == Kind::texts) continue;
    flag.own_variable = variable_of(flag.info.name);
    const bool taken = std::any_of(flags_.begin(), flags_.end(), [&](const Flag& other) {
      return other.info.environment == flag.own_variable || other.info.environment_alias == flag.own_variable;
    });
    flag.variable_has_command = taken;
    if (taken) flag.own_variable = variable_of(join({command_, "_", flag.info.name}));
  }
}

std::optional<int> Flags::read_environment() {
  for (Flag& flag : flags_) {
    if (flag.given) continue;
    for (const std::string_view variable :
         {flag.info.environment, flag.info.environment_alias, std::string_view(flag.own_variable)}) {
      const std::string_view value = environment_value(variable);
      if (value.empty()) continue;
      if (const auto code = assign_or_say(flag, value, join({"the variable ", variable}))) return code;
      break;
    }
  }
  return std::nullopt;
}

std::optional<int> Flags::parse(Arguments arguments) {
  name_variables();
  bool only_words = false;
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string_view word = arguments[index];
    if (!only_words && (word == "--help" || word == "-h")) {
      print_help();
      return 0;
    }
    if (!only_words && word == "--") {
      only_words = true;
    } else if (!only_words && word.starts_with("--")) {
      if (const auto code = take_flag(arguments, index)) return code;
    } else if (!only_words && word.size() > 1 && word.starts_with('-')) {
      return misuse(join({"there is no flag ", quoted(word), ": flags are written --name"}));
    } else if (words_ == nullptr) {
      return misuse(join({"the word ", quoted(word), " is not expected here"}));
    } else {
      words_->emplace_back(word);
    }
  }
  return read_environment();
}

void Flags::print_help() const {
  std::string usage = join({"usage: axonpush ", command_, flags_.empty() ? "" : " [flags]"});
  if (words_ != nullptr) usage += join({" [", words_value_, " ...]"});
  std::printf("%s\n  %.*s\n\n", usage.c_str(), static_cast<int>(summary_.size()), summary_.data());

  const auto left_of = [](const Flag& flag) {
    if (flag.kind == Kind::toggle) return join({"--", flag.info.name});
    return join({"--", flag.info.name, " ", flag.info.value.empty() ? "VALUE" : flag.info.value});
  };
  std::size_t width = std::max<std::size_t>(words_value_.size(), 6);
  for (const Flag& flag : flags_) width = std::max(width, left_of(flag).size());
  const auto print_row = [&](const std::string& left, const std::string& right) {
    std::printf("  %-*s  %s\n", static_cast<int>(width), left.c_str(), right.c_str());
  };
  if (words_ != nullptr) print_row(std::string(words_value_), std::string(words_help_));
  for (const Flag& flag : flags_) {
    std::string right(flag.info.help);
    std::string aside;
    if (!flag.info.secret && !flag.shown_default.empty()) aside = join({"default ", flag.shown_default});
    // Its own variable is shown only where it is not the one that the last line of the help tells of.
    const std::string_view own = flag.variable_has_command ? std::string_view(flag.own_variable) : std::string_view();
    for (const std::string_view variable : {flag.info.environment, flag.info.environment_alias, own}) {
      if (variable.empty()) continue;
      aside += join({aside.empty() ? "or " : ", or ", variable});
    }
    if (!aside.empty()) right += join({" (", aside, ")"});
    print_row(left_of(flag), right);
  }
  print_row("--help", "this text");
  if (!flags_.empty()) {
    std::printf("\nA flag that names no variable is also read from %s.\n",
                "AXONPUSH_ and its name in capitals (--broker-port: AXONPUSH_BROKER_PORT)");
  }
  for (const std::string_view note : notes_) std::printf("\n%.*s\n", static_cast<int>(note.size()), note.data());
}

}  // namespace axonpush::tool
