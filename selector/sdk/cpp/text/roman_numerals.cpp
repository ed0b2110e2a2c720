// Roman numerals behind a name: "Henry VIII" -> "Henry the eighth", "World War II" -> "World War two".
#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

std::uint64_t digit_of(char32_t c) {
    switch (c) {
        case U'I': return 1;
        case U'V': return 5;
        case U'X': return 10;
        case U'L': return 50;
        case U'C': return 100;
        case U'D': return 500;
        default: return 1000;
    }
}

std::uint64_t roman_value(View numeral) {
    std::uint64_t sum = 0, largest = 0;
    for (std::size_t i = numeral.size(); i-- > 0;) {
        const std::uint64_t value = digit_of(numeral[i]);
        if (value < largest) sum -= value;
        else sum += largest = value;
    }
    return sum;
}

Text ruler(const Match& m, bool british) {
    static const Pattern pronoun = pattern(roman_numerals_pronoun);
    if (m[2] == U"I" && pronoun.match(m.rest())) return Text(m[0]);
    return Text(m[1]) + U" the " + ordinal(roman_value(m[2]), british);
}

}  // namespace

Text roman_numerals(View text, bool british) {
    static const Pattern rulers = pattern(roman_numerals_ruler), noun = pattern(roman_numerals_noun),
                         name = pattern(roman_numerals_name);
    const auto counted = [&](const Match& m) { return Text(m[1]) + U" " + cardinal(roman_value(m[2]), british); };
    Text out = rulers.sub(text, [&](const Match& m) { return ruler(m, british); });
    out = noun.sub(out, counted);
    return name.sub(out, counted);
}

}  // namespace kokoro_npu::reading
