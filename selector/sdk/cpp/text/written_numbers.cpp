// English numbers in a text become words: the last rule for digits, after dates, times, money and units.
#include <array>
#include <functional>
#include <iterator>

#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

using Words = std::function<Text(const Match&, bool)>;

Text year_range(const Match& m, bool british) {
    const View first = m[1], last = m[2];
    if (last.size() == 4 && (value_of(last) < 1000 || value_of(last) >= 2100)) return Text(m[0]);
    const Text ending = last.size() == 4 ? year(value_of(last), british) : number_words(last, british);
    return year(value_of(first), british) + U" to " + ending;
}

// Whether four digits are a year: by the word before, else by its size and what follows.
bool is_year(const Match& m) {
    static const Pattern word_before(R"((\w+)\.?\W*$)"), word_after(" ([A-Za-z]+)");
    static const WordSet year_cues(written_numbers_year_cues), no_year_cues(written_numbers_no_year_cues),
        no_plural(written_numbers_no_plural);
    const std::uint64_t number = value_of(m[0]);
    const auto before = word_before.search(m.before());
    const Text cue = before ? lowered((*before)[1]) : Text{};
    const auto following = word_after.match(m.rest());
    const View next = following ? (*following)[1] : View{};
    bool counted = following && next.back() == U's' && !no_plural.has(next);
    counted = counted && !(cue == U"the" && number >= 1900 && number < 2100);  // the 2019 elections
    if (no_year_cues.has(cue) || counted || number % 1000 == 0) return number == 2000 && !counted;
    return number < 2100 && (number >= 1700 || (number >= 1100 && year_cues.has(cue)));
}

Text four_digits(const Match& m, bool british) {
    return is_year(m) ? year(value_of(m[0]), british) : number_words(m[0], british);
}

Text fraction(const Match& m, bool british) {
    static const WordTable names(written_numbers_fractions), entities(written_numbers_entities);
    static const WordSet parts_of(written_numbers_parts);
    const Text whole(m[1]), figures = Text(m[2]) + U"/" + Text(m[3]);
    const std::uint64_t above = value_of(m[2]), below = value_of(m[3]);
    if (const Text* entity = entities.find(figures); entity != nullptr && whole.empty()) return *entity;
    if (above == below && whole.empty()) return cardinal(above, british) + U" " + cardinal(below, british);  // fifty fifty
    const bool odd = below > 10 && !parts_of.has(decoded(std::to_string(below)));
    if (above == 0 || above >= below || odd || m[2][0] == U'0' || m[3][0] == U'0')
        return whole + number_words(m[2], british) + U" over " + number_words(m[3], british);
    const Text* known = names.find(decoded(std::to_string(below)));
    const Text name = known != nullptr ? *known : ordinal(below, british);
    const Text count = !whole.empty() && above == 1 ? U"a" : cardinal(above, british);
    const Text words = count + U" " + (above == 1 ? name : below == 2 ? U"halves" : plural(name));
    return whole.empty() ? words : number_words(stripped(whole), british) + U" and " + words;
}

Text power(const Match& m, bool british) {
    static const WordTable powers(written_numbers_powers);
    if (const Text* word = powers.find(m[2])) return Text(m[1]) + U" " + *word;
    const bool minus = m[2][0] == U'-';
    return Text(m[1]) + U" to the power of " + (minus ? U"minus " : U"") + number_words(m[2].substr(minus ? 1 : 0), british);
}

// Versions part by part, an address of four parts with dots, its parts of three digits digit by digit.
Text dotted(const Match& m, bool) {
    const std::vector<View> parts = divided(m[0], U'.');
    std::vector<Text> words;
    for (const View part : parts)
        words.push_back(parts.size() == 4 && part.size() == 3 ? digit_words(part) : number_words(part));
    return joined(words, parts.size() == 4 ? U" dot " : U" point ");
}

// A size with an x between is "by", its four digits two by two ("1920x1080"); a product is "times".
Text product(const Match& m, bool british) {
    static const Pattern four("[1-9]\\d{3}");
    if (lowered(m[0]).find(U'x') == Text::npos || m[0].find(U' ') != View::npos)
        return Text(m[1]) + U" times " + Text(m[2]);
    const auto side = [&](View n) { return four.whole(n) ? year(value_of(n), british) : Text(n); };
    return side(m[1]) + U" by " + side(m[2]);
}

// Words of a number that touches another number's dot or comma stay apart from it.
Text number(const Match& m, bool british) {
    const bool touches = m.start() > 0 && is_digit(m.string[m.start() - 1]);
    return (touches ? U" " : U"") + number_words(m[0], british);
}

Text codes(const Match& m, bool) {
    std::vector<Text> words;
    for (const View part : divided(m[0], U'-')) words.push_back(digit_words(part));
    return joined(words, U", ");
}

Words said(View words) {
    return [words](const Match&, bool) { return Text(words); };
}
Words between(View word) {
    return [word](const Match& m, bool) { return Text(m[1]) + Text(word) + Text(m[2]); };
}
Words after(View word) {
    return [word](const Match& m, bool) { return Text(word) + Text(m[1]); };
}
Words before(View word) {
    return [word](const Match& m, bool) { return Text(m[1]) + Text(word); };
}

// What is said for each pattern of `number_rules`, in the same order.
const Words words[] = {
    codes,
    [](const Match& m, bool b) { return plural(cardinal(value_of(m[1]), b)); },
    year_range,
    [](const Match& m, bool b) { return ordinal(value_of(replaced(m[1], U",", U"")), b); },
    said(U"version "),
    dotted,
    fraction,
    power,
    product,
    before(U" times"),
    before(U" thousand"),
    said(U" plus "),
    said(U" minus "),
    said(U" divided by "),
    said(U" equals "),
    between(U" to "),
    between(U" to "),
    said(U"minus "),
    said(U"plus or minus "),
    said(U"plus "),
    after(U"about "),
    after(U"number "),
    said(U" "),
    said(U" "),
    four_digits,
    number,
};
static_assert(std::size(words) == std::size(number_rules));

}  // namespace

Text written_numbers(View text, bool british) {
    static const auto patterns = [] {
        std::vector<Pattern> made;
        for (const std::string_view rule : number_rules) made.emplace_back(rule);
        return made;
    }();
    Text out(text);
    for (std::size_t i = 0; i < patterns.size(); ++i)
        out = patterns[i].sub(out, [&](const Match& m) { return words[i](m, british); });
    return out;
}

}  // namespace kokoro_npu::reading
