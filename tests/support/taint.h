// Looks for secrets where none may be: each marker in every form it could be written down in (FAULTS I-35).
//
// A marker is a text that nothing else contains; it is planted as a key, token, query or payload, and afterwards every
// text the library gave away, and every block of memory it gave back, is searched for it.
#pragma once

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
      forms_.push_back({name, std::move(form)});
    }
  }
  // The name of a secret that stands in the text; nullptr: none does.
  [[nodiscard]] const char* find(std::string_view text) const {
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
};

}  // namespace axonpush::test
