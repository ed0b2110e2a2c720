// What a character is, and its small and capital form, as Python's strings and its regular expressions see it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kokoro_npu::reading {

inline constexpr std::uint8_t word_kind = 1, digit_kind = 2, space_kind = 4;

std::uint8_t kinds_of(char32_t c);  // bits of the three above: \w, \d, \s

inline bool is_word(char32_t c) { return (kinds_of(c) & word_kind) != 0; }
inline bool is_digit(char32_t c) { return (kinds_of(c) & digit_kind) != 0; }
inline bool is_space(char32_t c) { return (kinds_of(c) & space_kind) != 0; }
bool is_letter_or_digit(char32_t c);  // isalnum
bool is_figure(char32_t c);           // isdigit: raised digits, too
bool is_printable(char32_t c);
bool is_capital(char32_t c);
int digit_value(char32_t c);  // of what is_digit

char32_t lowered(char32_t c);
char32_t raised(char32_t c);
char32_t folded(char32_t c);  // one form of letters that differ in case only
std::u32string lowered(std::u32string_view text);

}  // namespace kokoro_npu::reading
