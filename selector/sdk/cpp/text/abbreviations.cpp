// English abbreviations become their words, without a pause inside or behind, unless a sentence ends there.
#include "english_rules.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

Text before_digits(const Match& m) {
    static const WordTable words(abbreviations_before_digits);
    Text word(words.at(lowered(m[1])));
    if (word.empty()) return Text(m[0]);  // the dotless i, which is an i in another case to a pattern
    if (is_capital(m[1][0])) word[0] = raised(word[0]);
    return word + U" ";
}

// The street's word behind its name; before a name, as in "St. John" and "Dr. Smith", it stays.
Text street(const Match& m) {
    static const WordTable places(abbreviations_places);
    const bool ends = ends_sentence(m.rest());
    if (m.has(3) && is_capital(m[3][0]) && !ends) return Text(m[0]);
    return Text(m[1]) + Text(places.at(m[2])) + (ends ? U"." : U"");
}

Text may_end(const Match& m) {
    static const WordTable words(abbreviations_may_end);
    static const Pattern capital(R"re(\s+["“]?[A-Z])re");
    const bool ends = ends_sentence(m.rest());
    if ((m[1] == U"Sun" || m[1] == U"Sat") && ends) return Text(m[0]);  // the sun, and who sat
    return Text(words.at(m[1])) + (ends || (m[1] == U"etc" && capital.match(m.rest())) ? U"." : U"");
}

}  // namespace

Text abbreviations(View text, bool) {
    static const Pattern digits = pattern(abbreviations_digits), named_street = pattern(abbreviations_named_street),
                         saint = pattern(abbreviations_saint), title = pattern(abbreviations_title),
                         bare_title = pattern(abbreviations_title_bare), anywhere = pattern(abbreviations_anywhere_form),
                         ending = pattern(abbreviations_may_end_form);
    static const WordTable titles(abbreviations_titles), everywhere(abbreviations_anywhere);
    const auto title_word = [](const Match& m) { return titles.at(m[1]); };
    Text out = digits.sub(text, before_digits);
    out = named_street.sub(out, street);
    out = saint.sub(out, U"Saint");
    out = title.sub(out, title_word);
    out = bare_title.sub(out, title_word);
    out = anywhere.sub(out, [](const Match& m) { return everywhere.at(m[1]); });
    return ending.sub(out, may_end);
}

}  // namespace kokoro_npu::reading
