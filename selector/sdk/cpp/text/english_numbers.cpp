#include "english_numbers.hpp"

#include <algorithm>
#include <iterator>

#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

constexpr std::uint64_t hundred = 100, thousand = 1000;

struct Scale {
    std::uint64_t size;
    View name;
};
constexpr Scale scales[] = {{1000000000000000, U"quadrillion"}, {1000000000000, U"trillion"}, {1000000000, U"billion"},
                            {1000000, U"million"},               {thousand, U"thousand"},      {hundred, U"hundred"}};
constexpr Pair places[] = {{"one", "first"}, {"two", "second"}, {"three", "third"}, {"five", "fifth"},
                           {"eight", "eighth"}, {"nine", "ninth"}, {"twelve", "twelfth"}};

}  // namespace

std::uint64_t value_of(View digits) {
    std::uint64_t value = 0;
    for (const char32_t c : digits.substr(0, 18)) value = value * 10 + static_cast<std::uint64_t>(digit_value(c));
    return value;
}

Text cardinal(std::uint64_t number, bool british) {
    if (number < hundred) return decoded(cardinals_en[number]);
    const Scale& scale = *std::find_if(std::begin(scales), std::end(scales), [&](const Scale& s) { return s.size <= number; });
    const std::uint64_t rest = number % scale.size;
    Text words = cardinal(number / scale.size, british) + U" ";
    words += scale.name;
    if (rest == 0) return words;
    return words + (british && rest < hundred ? U" and " : U" ") + cardinal(rest, british);
}

Text ordinal(std::uint64_t number, bool british) {
    static const WordTable irregular(places);
    const Text words = cardinal(number, british);
    const std::size_t last = words.rfind(U' ') == Text::npos ? 0 : words.rfind(U' ') + 1;
    const Text before = words.substr(0, last);
    Text word = words.substr(last);
    if (const Text* place = irregular.find(word)) return before + *place;
    if (word.back() == U'y') word = word.substr(0, word.size() - 1) + U"ie";
    return before + word + U"th";
}

Text year(std::uint64_t number, bool british) {
    const std::uint64_t high = number / hundred, low = number % hundred;
    if (high == 0 || (high % 10 == 0 && low < 10) || high >= hundred) return cardinal(number, british);
    const Text first = cardinal(high, british) + U" ";
    return first + (low == 0 ? U"hundred" : low < 10 ? U"oh " + cardinal(low) : cardinal(low));
}

Text plural(View words) {
    if (!words.empty() && words.back() == U'y') return Text(words.substr(0, words.size() - 1)) + U"ies";
    return Text(words) + (!words.empty() && words.back() == U'x' ? U"es" : U"s");
}

Text digit_words(View digits) {
    std::vector<Text> words;
    for (const char32_t c : digits)
        if (is_digit(c)) words.push_back(decoded(cardinals_en[digit_value(c)]));
    return joined(words, U" ");
}

Text number_words(View written, bool british) {
    const Text plain = replaced(written, U",", U"");
    const std::size_t point = plain.find(U'.');
    const View whole = View(plain).substr(0, point);
    Text words;
    if (whole.size() > most_digits || (whole.size() > 1 && whole[0] == U'0' && is_digit(whole[1])))
        words = digit_words(whole);
    else if (!whole.empty())
        words = cardinal(value_of(whole), british);
    if (point == Text::npos) return words;
    return Text(stripped(words + U" point " + digit_words(View(plain).substr(point + 1))));
}

bool is_one(View written) { return written == U"1" || written == U"1.0"; }

}  // namespace kokoro_npu::reading
