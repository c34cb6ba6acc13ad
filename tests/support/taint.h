// Looks for secrets where none may be: each marker in every form it could be written down in (FAULTS I-35).
//
// A marker is a text that nothing else contains; it is planted as a key, token, query or payload, and afterwards every
// text the library gave away, and every block of memory it gave back, is searched for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace axonpush::test {

class Taint {
 public:
  // `name` is static text, for the report.
  void add(const char* name, std::string_view marker) {
    for (std::string form : {std::string(marker), hex(marker, "0123456789abcdef"), hex(marker, "0123456789ABCDEF"),
                             percent(marker), base64(marker)}) {
      shortest_ = std::min(shortest_, form.size());
      longest_ = std::max(longest_, form.size());
      for (std::size_t at = 0; at + 4 <= form.size(); ++at) words_.push_back(word_at(form, at));
      forms_.push_back({name, std::move(form)});
    }
    std::sort(words_.begin(), words_.end());
    screen_.assign(kScreen, false);
    for (const std::uint32_t word : words_) screen_[hashed(word)] = true;
  }
  // The name of a secret that stands in the text; nullptr: none does.
  //
  // Wherever the shortest form begins, a whole word of four bytes of it lies at one of the places that are looked at,
  // and around those that may be a form's word a plain search follows. In large blocks that is a tenth of the time of
  // searching for one form after the other.
  [[nodiscard]] const char* find(std::string_view text) const {
    if (text.size() < shortest_) return nullptr;
    if (shortest_ < 8) return find_plainly(text);
    for (std::size_t at = 0; at + 4 <= text.size(); at += shortest_ - 3) {
      const std::uint32_t word = word_at(text, at);
      if (!screen_[hashed(word)] || !std::binary_search(words_.begin(), words_.end(), word)) continue;
      const std::size_t begin = at - std::min(at, longest_);
      if (const char* const found = find_plainly(text.substr(begin, at - begin + longest_))) return found;
    }
    return nullptr;
  }
  // The same without the shortcut.
  [[nodiscard]] const char* find_plainly(std::string_view text) const {
    for (const Form& form : forms_) {
      if (form.text.size() <= text.size() && memmem(text.data(), text.size(), form.text.data(), form.text.size())) {
        return form.name;
      }
    }
    return nullptr;
  }

 private:
  struct Form {
    const char* name;
    std::string text;
  };
  static constexpr std::size_t kScreen = 16'384;
  static std::size_t hashed(std::uint32_t word) { return word * 0x9E3779B1U >> 18; }
  static std::uint32_t word_at(std::string_view text, std::size_t at) {
    std::uint32_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    return word;
  }
  static std::string hex(std::string_view marker, const char* digits) {
    std::string made;
    for (const char value : marker) {
      const auto byte = static_cast<unsigned char>(value);
      made += digits[byte >> 4];
      made += digits[byte & 15];
    }
    return made;
  }
  static std::string percent(std::string_view marker) {
    std::string made;
    for (const char value : marker) made += "%" + hex(std::string_view(&value, 1), "0123456789ABCDEF");
    return made;
  }
  // Whole groups only: what surrounds the marker does not change those, when it stands at a multiple of three.
  static std::string base64(std::string_view marker) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string made;
    for (std::size_t at = 0; at + 3 <= marker.size(); at += 3) {
      std::uint32_t group = 0;
      for (std::size_t each = 0; each < 3; ++each) group = group << 8 | static_cast<unsigned char>(marker[at + each]);
      for (int shift = 18; shift >= 0; shift -= 6) made += kDigits[group >> shift & 63];
    }
    return made;
  }

  std::vector<Form> forms_;
  std::size_t shortest_ = SIZE_MAX;
  std::size_t longest_ = 0;
  std::vector<std::uint32_t> words_;  // every four bytes of every form, in order
  std::vector<bool> screen_;          // most words that are none of those end here
};

}  // namespace axonpush::test
