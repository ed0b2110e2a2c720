// Words of English numbers, as num2words says them without commas and hyphens. American English leaves out the "and"
// that British English says.
#pragma once

#include <cstdint>

#include "pattern.hpp"

namespace kokoro_npu::reading {

inline constexpr std::size_t most_digits = 15;  // a longer number is a code, and is said digit by digit

// The value of ASCII digits; of more than 18, some large number.
std::uint64_t value_of(View digits);

Text cardinal(std::uint64_t number, bool british = false);
Text ordinal(std::uint64_t number, bool british = false);
Text year(std::uint64_t number, bool british = false);
Text plural(View words);
Text digit_words(View digits);
// Of a number as the pattern of numbers finds it: groups of thousands, a decimal point, leading zeros.
Text number_words(View written, bool british = false);
bool is_one(View written);

}  // namespace kokoro_npu::reading
