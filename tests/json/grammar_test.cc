// RFC 8259 as a list of documents: what must be accepted, what must be refused, and what the RFC leaves open, pinned.
#include "json/json_harness.h"

namespace axonpush::test {
namespace {

struct Row {
  std::string_view name;
  std::string document;
};

using namespace std::string_literals;

TEST(JsonGrammar, MustBeAccepted) {
  const Row rows[] = {
      {"array_empty", "[]"},
      {"array_of_one_empty_string", "[\"\"]"},
      {"array_with_several_nulls", "[1,null,null,null,2]"},
      {"array_heterogeneous", "[null,1,\"1\",{},[],true,false]"},
      {"array_with_leading_space", " [1]"},
      {"array_with_trailing_newline", "[1]\n"},
      {"array_with_space_inside", "[ ]"},
      {"array_all_white_space_kinds", "\t\n\r [\t\n\r 1\t\n\r ,\t\n\r 2\t\n\r ]\t\n\r "},
      {"lonely_zero", "0"},
      {"lonely_negative", "-2"},
      {"lonely_real", "-0.1"},
      {"lonely_string", "\"asd\""},
      {"lonely_empty_string", "\"\""},
      {"lonely_true", "true"},
      {"lonely_false", "false"},
      {"lonely_null", "null"},
      {"lonely_number_with_space", " 42 "},
      {"number_zero_exponent", "[0e1]"},
      {"number_zero_exponent_plus", "[0e+1]"},
      {"number_exponent", "[1e1]"},
      {"number_exponent_capital", "[1E22]"},
      {"number_exponent_capital_minus", "[1E-2]"},
      {"number_exponent_capital_plus", "[1E+2]"},
      {"number_exponent_leading_zeros", "[1e0001]"},
      {"number_fraction_exponent", "[123.456e78]"},
      {"number_fraction_zero", "[1.000000005]"},
      {"number_minus_zero", "[-0]"},
      {"number_minus_zero_fraction", "[-0.0]"},
      {"number_negative_one", "[-1]"},
      {"number_many_fraction_digits", "[0." + repeat("0", 400) + "1]"},
      {"number_close_to_zero", "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"},
      {"number_after_space", "[ 4]"},
      {"object_empty", "{}"},
      {"object_one", "{\"asd\":\"sdf\"}"},
      {"object_equal_keys", "{\"a\":\"b\",\"a\":\"c\"}"},
      {"object_equal_keys_and_values", "{\"a\":\"b\",\"a\":\"b\"}"},
      {"object_empty_key", "{\"\":0}"},
      {"object_key_with_nul_escape", "{\"foo\\u0000bar\":42}"},
      {"object_extreme_numbers", "{\"min\":-1.0e+28,\"max\":1.0e+28}"},
      {"object_with_newlines", "{\n\"a\": \"b\"\n}"},
      {"object_key_of_escapes", "{\"\\u0066\\u006f\\u006f\":1}"},
      {"object_long_strings", "{\"x\":[{\"id\":\"" + repeat("x", 200) + "\"}],\"id\":\"" + repeat("y", 200) + "\"}"},
      {"string_escapes_of_one_letter", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"},
      {"string_escape_and_quote", "[\"\\\\\\\"\"]"},
      {"string_backslash_at_end", "[\"\\\\\"]"},
      {"string_escaped_control", "[\"\\u0012\"]"},
      {"string_escaped_nul", "[\"\\u0000\"]"},
      {"string_escaped_noncharacter", "[\"\\uFFFF\"]"},
      {"string_escaped_noncharacter_pair", "[\"\\uDBFF\\uDFFE\"]"},
      {"string_surrogate_pair", "[\"\\uD801\\udc37\"]"},
      {"string_two_surrogate_pairs", "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"},
      {"string_last_surrogate_pair", "[\"\\uDBFF\\uDFFF\"]"},
      {"string_hex_in_both_cases", "[\"\\uABcd\\uabCD\"]"},
      {"string_comment_inside", "[\"a/*b*/c/*d//e\"]"},
      {"string_brackets_inside", "[\"{[\\\"]}\",\"]\"]"},
      {"string_delete_character", "[\"\x7F\"]"},
      {"string_unescaped_slash", "[\"/\"]"},
      {"string_line_separators", "[\"\xE2\x80\xA8\xE2\x80\xA9\"]"},
      {"string_two_bytes", "[\"\xC3\xA9\"]"},
      {"string_three_bytes", "[\"\xE2\x82\xAC\"]"},
      {"string_four_bytes", "[\"\xF0\x9F\x98\x80\"]"},
      {"string_noncharacters", "[\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\"]"},
      {"string_byte_order_mark_inside", "[\"\xEF\xBB\xBF\"]"},
      {"structure_64_arrays", repeat("[", 64) + repeat("]", 64)},
      {"structure_64_objects", repeat("{\"a\":", 64) + "1" + repeat("}", 64)},
      {"structure_siblings_after_depth", "[" + repeat("[[]],", 50) + "[]]"},
  };
  for (const Row& row : rows) EXPECT_EQ(verdict_of(row.document), Errc::none) << row.name;
}

TEST(JsonGrammar, MustBeRefused) {  // J-02, J-07, J-10
  const Row rows[] = {
      {"array_one_without_comma", "[1 true]"},
      {"array_colon", "[\"\": 1]"},
      {"array_comma_behind", "[1,]"},
      {"array_comma_in_front", "[,1]"},
      {"array_only_comma", "[,]"},
      {"array_two_commas", "[1,,2]"},
      {"array_comma_after_close", "[1],"},
      {"array_closed_twice", "[1]]"},
      {"array_closed_as_object", "[1}"},
      {"array_not_closed", "[1"},
      {"array_not_closed_after_comma", "[1,"},
      {"array_not_closed_in_string", "[\"a"},
      {"array_only_open", "["},
      {"array_only_close", "]"},
      {"array_minus_alone", "[-]"},
      {"array_star", "[*]"},
      {"array_form_feed", "[\f1]"},
      {"array_vertical_tab", "[\v1]"},
      {"array_no_break_space", "[\xC2\xA0]"},
      {"array_word_joiner", "[\xE2\x81\xA0]"},
      {"array_unquoted", "[a]"},
      {"literal_cut_nul", "[nul]"},
      {"literal_cut_tru", "[tru]"},
      {"literal_cut_fals", "[fals]"},
      {"literal_alone_cut", "tru"},
      {"literal_capital_true", "[True]"},
      {"literal_capital_null", "[NULL]"},
      {"literal_too_long", "[truee]"},
      {"literal_run_together", "[truefalse]"},
      {"literal_with_nul", "[nul\0]"s},
      {"number_plus", "[+1]"},
      {"number_two_minus", "[--1]"},
      {"number_minus_space", "[- 1]"},
      {"number_leading_zero", "[01]"},
      {"number_negative_leading_zero", "[-012]"},
      {"number_two_zeros", "[00]"},
      {"number_no_fraction", "[1.]"},
      {"number_negative_no_fraction", "[-2.]"},
      {"number_no_integer", "[.5]"},
      {"number_minus_no_integer", "[-.5]"},
      {"number_fraction_then_exponent_letter", "[0.e1]"},
      {"number_no_exponent", "[1e]"},
      {"number_no_exponent_plus", "[1e+]"},
      {"number_no_exponent_minus_alone", "1e-"},
      {"number_exponent_fraction", "[1e1.5]"},
      {"number_two_exponents", "[1e1e1]"},
      {"number_two_points", "[1.2.3]"},
      {"number_hex", "[0x1]"},
      {"number_hex_letters", "[0xFF]"},
      {"number_underscore", "[1_000]"},
      {"number_comma_decimal", "{\"a\":1,5}"},
      {"number_nan", "[NaN]"},
      {"number_infinity", "[Infinity]"},
      {"number_minus_infinity", "[-Infinity]"},
      {"number_letter_behind", "[1a]"},
      {"number_full_width_digit", "[\xEF\xBC\x91]"},
      {"number_nul_behind", "1\0"s},
      {"number_minus_alone", "-"},
      {"number_minus_letter", "[-x]"},
      {"object_key_without_value", "{\"a\"}"},
      {"object_key_colon_no_value", "{\"a\":}"},
      {"object_no_colon", "{\"a\" 1}"},
      {"object_two_colons", "{\"a\"::1}"},
      {"object_comma_for_colon", "{\"a\",1}"},
      {"object_comma_behind", "{\"a\":1,}"},
      {"object_two_commas_behind", "{\"a\":1,,}"},
      {"object_comma_in_front", "{,\"a\":1}"},
      {"object_only_comma", "{,}"},
      {"object_number_as_key", "{1:1}"},
      {"object_unquoted_key", "{a:1}"},
      {"object_single_quotes", "{'a':1}"},
      {"object_literal_key", "{null:1}"},
      {"object_closed_as_array", "{\"a\":1]"},
      {"object_not_closed", "{\"a\":1"},
      {"object_not_closed_in_key", "{\"a"},
      {"object_second_key_missing", "{\"a\":1,"},
      {"object_value_twice", "{\"a\":1 2}"},
      {"object_closed_twice", "{}}"},
      {"object_emoji_key", "{\xF0\x9F\x87\xA8:1}"},
      {"object_comment", "{\"a\":1/**/}"},
      {"object_line_comment", "{\"a\":1}//"},
      {"object_trailing_hash", "{\"a\":1}#"},
      {"string_newline", "[\"a\nb\"]"},
      {"string_tab", "[\"\t\"]"},
      {"string_unit_separator", "[\"\x1F\"]"},
      {"string_nul", "[\"a\0b\"]"s},
      {"string_key_newline", "{\"a\n\":1}"},
      {"string_escape_x", "[\"\\x41\"]"},
      {"string_escape_a", "[\"\\a\"]"},
      {"string_escape_capital_n", "[\"\\N\"]"},
      {"string_escape_zero", "[\"\\0\"]"},
      {"string_escape_quote_single", "[\"\\'\"]"},
      {"string_escape_emoji", "[\"\\\xF0\x9F\x8C\x80\"]"},
      {"string_escape_newline", "[\"\\\n\"]"},
      {"string_escape_no_hex", "[\"\\u\"]"},
      {"string_escape_three_hex", "[\"\\u123\"]"},
      {"string_escape_bad_hex", "[\"\\u12G4\"]"},
      {"string_escape_space_in_hex", "[\"\\u 041\"]"},
      {"string_escape_capital_u", "[\"\\U0041\"]"},
      {"string_escape_plus", "[\"\\u+041\"]"},
      {"string_backslash_at_end", "[\"\\\"]"},
      {"string_backslash_at_end_of_document", "\"\\"},
      {"string_unclosed", "\"a"},
      {"string_only_quote", "\""},
      {"string_single_quotes", "['a']"},
      {"string_no_quote_in_front", "[a\"]"},
      {"structure_empty", ""},
      {"structure_only_space", " \t\r\n"},
      {"structure_two_documents", "{} {}"},
      {"structure_word_behind", "{} x"},
      {"structure_two_numbers", "1 2"},
      {"structure_closing_first", "}{"},
      {"structure_number_then_close", "1]"},
      {"structure_angle_brackets", "<.>"},
      {"structure_lonely_colon", ":"},
      {"structure_lonely_comma", ","},
      {"structure_nul_behind", "{}\0"s},
      {"structure_nul_in_front", "\0{}"s},
      {"structure_open_mix", "[\"a\",\n4\n,1,"},
      {"structure_unclosed_levels", repeat("[", 60)},
      {"structure_closing_levels", "[" + repeat("]", 60)},
      {"structure_bom_only", "\xEF\xBB\xBF"},
      {"structure_bom_cut", "\xEF\xBB{}"},
      {"structure_html", "<html></html>"},
  };
  for (const Row& row : rows) EXPECT_EQ(verdict_of(row.document), Errc::json_invalid) << row.name;
}

// RFC 8259 9 lets an implementation accept other forms and set limits. What ours does, pinned.
TEST(JsonGrammar, LeftOpenAndPinned) {  // J-04, J-05, J-09, J-15
  struct Open {
    std::string_view name;
    std::string document;
    Errc code;
  };
  const Open rows[] = {
      {"number_exponent_beyond_double", "[1e309]", Errc::json_invalid},
      {"number_exponent_huge", "[123.456e99999999999999999999]", Errc::json_invalid},
      {"number_negative_exponent_huge", "[-1e+9999]", Errc::json_invalid},
      {"number_largest_double", "[1.7976931348623157e308]", Errc::none},
      {"number_rounds_up_to_largest", "[1.797693134862315807e308]", Errc::none},
      {"number_rounds_up_beyond", "[1.797693134862315808e308]", Errc::json_invalid},
      {"number_400_digits", "[1" + repeat("0", 399) + "]", Errc::json_invalid},
      {"number_309_digits_that_fit", "[1" + repeat("0", 308) + "]", Errc::none},
      {"number_many_digits_scaled_back", "[1" + repeat("0", 400) + "e-400]", Errc::none},
      {"number_underflow", "[1e-400]", Errc::none},
      {"number_underflow_huge", "[123e-10000000]", Errc::none},
      {"number_zero_with_huge_exponent", "[0e99999999999]", Errc::none},
      {"number_two_to_the_64", "[18446744073709551616]", Errc::none},
      {"number_very_negative_integer", "[-123123123123123123123123123123]", Errc::none},
      {"key_lone_low_surrogate", "{\"\\uDFAA\":0}", Errc::json_invalid},
      {"string_high_surrogate_alone", "[\"\\uD800\"]", Errc::json_invalid},
      {"string_high_surrogate_then_text", "[\"\\uD83Dabc\"]", Errc::json_invalid},
      {"string_high_surrogate_then_escape", "[\"\\uD83D\\n\"]", Errc::json_invalid},
      {"string_high_surrogate_then_letter", "[\"\\uD83D\\u0041\"]", Errc::json_invalid},
      {"string_high_surrogate_then_cut", "[\"\\uD83D\\uDE0\"]", Errc::json_invalid},
      {"string_two_high_surrogates", "[\"\\uD800\\uD800\\n\"]", Errc::json_invalid},
      {"string_low_surrogate_alone", "[\"\\uDC00\"]", Errc::json_invalid},
      {"string_reversed_pair", "[\"\\uDd1e\\uD834\"]", Errc::json_invalid},
      {"string_overlong_slash", "[\"\xC0\xAF\"]", Errc::json_invalid},
      {"string_overlong_nul", "[\"\xC0\x80\"]", Errc::json_invalid},
      {"string_overlong_six_bytes", "[\"\xFC\x83\xBF\xBF\xBF\xBF\"]", Errc::json_invalid},
      {"string_lone_continuation", "[\"\x81\"]", Errc::json_invalid},
      {"string_cut_character", "[\"\xE0\xFF\"]", Errc::json_invalid},
      {"string_latin_1", "[\"\xE9\"]", Errc::json_invalid},
      {"string_surrogate_in_utf_8", "[\"\xED\xA0\x80\"]", Errc::json_invalid},
      {"string_beyond_unicode", "[\"\xF4\xBF\xBF\xBF\"]", Errc::json_invalid},
      {"document_bom", "\xEF\xBB\xBF{}", Errc::json_invalid},
      {"document_utf_16_little", "[\0\"\0a\0\"\0]\0"s, Errc::json_invalid},
      {"document_utf_16_big", "\0[\0\"\0a\0\"\0]"s, Errc::json_invalid},
      {"document_utf_16_bom", "\xFF\xFE[\0]\0"s, Errc::json_invalid},
      {"document_utf_32_little", "{\0\0\0}\0\0\0"s, Errc::json_invalid},
      {"document_utf_32_big", "\0\0\0{\0\0\0}"s, Errc::json_invalid},
      {"document_500_arrays", repeat("[", 500) + repeat("]", 500), Errc::json_too_deep},
  };
  for (const Open& row : rows) EXPECT_EQ(verdict_of(row.document), row.code) << row.name;
}

// A string that goes on for whole blocks behind an escape.
TEST(JsonGrammar, LongStringsWithEscapes) {
  for (std::size_t before = 0; before <= 130; before += 13) {
    for (std::size_t behind = 0; behind <= 300; behind += behind < 140 ? 1 : 17) {
      const std::string left(before, 'x'), right(behind, 'y');
      EXPECT_EQ(verdict_of("[\"" + left + "\\n" + right + "\",1]"), Errc::none);
      EXPECT_EQ(verdict_of("{\"" + left + "\\u00e9" + right + "\":\"" + right + "\\\"" + left + "\"}"), Errc::none);
      EXPECT_EQ(verdict_of("[\"" + left + "\\n" + right + "\t\"]"), Errc::json_invalid);
      EXPECT_EQ(verdict_of("[\"" + left + "\\n" + right), Errc::json_invalid);
    }
  }
}

// The same grammar wherever it meets the borders of the blocks that the vector variants read.
TEST(JsonGrammar, HoldsAtEveryDistanceFromABlock) {
  const std::string pieces[] = {"\"\\u00e9\"",          "\"\\\\\"", "\"\\\\\\\"\"", "\"a\nb\"",
                                "\"\xF0\x9F\x98\x80\"", "-1.5e3",   "01",           "\"\\ud83d\\ude00\"",
                                "\"\\ud83d\"",          "{}",       "\"\xC3\"",     "tru"};
  for (const std::string& piece : pieces) {
    for (std::size_t distance = 0; distance <= 130; ++distance) {
      const std::string padding(distance, 'x');
      static_cast<void>(verdict_of("[\"" + padding + "\"," + piece + "]"));
      static_cast<void>(verdict_of("{\"" + padding + "\":" + piece + "}"));
      static_cast<void>(verdict_of("[" + std::string(distance, ' ') + piece + "," + std::string(distance, ' ') + "1]"));
    }
  }
}

}  // namespace
}  // namespace axonpush::test
