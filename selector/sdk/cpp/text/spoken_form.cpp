#include "spoken_form.hpp"

#include <algorithm>

#include "english_rules.hpp"
#include "folded_characters.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

constexpr std::size_t longest_word = 40;    // letters; espeak loses the end of much longer ones
constexpr char32_t placeholder = 0xF0000;   // a private character stands for a given pronunciation while rules run

struct Rule {
    Text (*rule)(View, bool);
    bool of_figures;  // only digits need it
};
// The order of ENGLISH_RULES, which says why each stands where it stands.
constexpr Rule english_rules[] = {
    {web_addresses, false}, {phone_numbers, true},  {number_marks, true}, {dates, true},
    {clock_times, true},    {money, false},         {roman_numerals, false}, {abbreviations, false},
    {units, true},          {initialisms, false},   {written_numbers, true}, {symbols, false},
};

// Pieces of a run of letters that is no word of any language, apart.
Text cut(const Match& m) {
    std::vector<Text> pieces;
    for (std::size_t at = 0; at < m[0].size(); at += longest_word) pieces.emplace_back(m[0].substr(at, longest_word));
    return joined(pieces, U" ");
}

}  // namespace

Text spoken_form(View written, std::string_view language, const Lexicon& lexicon) {
    static const Pattern vanishing = pattern(folded_characters_vanishing), private_characters = pattern(spoken_form_private),
                         too_long = pattern(spoken_form_long), before_mark(R"(\s+([,.;:!?…])(?=\s|$))");
    Text text = vanishing.sub(written, U"");
    for (char32_t& c : text)
        if (!is_printable(c)) c = U' ';
    std::vector<Text> given;
    const auto hide = [&](const Match& m) {
        given.emplace_back(m[0]);
        return Text(1, placeholder + static_cast<char32_t>(given.size()) - 1);
    };
    text = lexicon.apply(given_pronunciation().sub(text, hide));
    text = given_pronunciation().sub(text, hide);  // those of the lexicon
    text = folded_characters(text, language == "ja" || language == "zh");
    if (language == "en-us" || language == "en-gb") {
        const bool figures = std::any_of(text.begin(), text.end(), is_figure);
        for (const Rule& rule : english_rules)
            if (figures || !rule.of_figures) text = rule.rule(text, language == "en-gb");
    } else {
        text = other_languages(text, language);
    }
    text = single_spaced(too_long.sub(text, cut));
    text = before_mark.sub(text, [](const Match& m) { return m[1]; });
    return private_characters.sub(text, [&](const Match& m) {
        const std::size_t index = m[0][0] - placeholder;
        return index < given.size() ? given[index] : Text(1, U' ');
    });
}

}  // namespace kokoro_npu::reading
