// English initialisms, letter by letter: "U.S.A." -> "U S A", "FBI" -> "F B I"; initials of names lose their dots.
#include <algorithm>

#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

// The ending of a plural, or the full stop where a sentence ends.
Text behind(const Match& m, bool dotted) {
    if (m.has(2)) return U"'s";
    return dotted && ends_sentence(m.rest()) ? U"." : U"";
}

// "J. Smith" loses the dot; "vitamin A. The next" keeps it.
Text initial(const Match& m) {
    const Text letter(m[1]);
    if (letter != U"I" && ends_sentence(m.rest())) return letter + U".";
    return is_space(m.rest()[0]) ? letter : letter + U" ";
}

// Whether the words beside it are capitals too, so that the word may be any.
bool shouted(const Match& m) {
    static const Pattern small("[a-z]"), capitals("[A-Z]{2,}");
    constexpr std::size_t near = 12;
    const std::size_t from = m.start() - std::min(near, m.start());
    const Text around = replaced(m.string.substr(from, m.end() + near - from), m[0], U" ");
    return !small.search(around) && capitals.search(around);
}

Text capitals_spelled(const Match& m) {
    static const WordSet known(initialisms_spelled), roman(initialisms_roman);
    static const Pattern vowel = pattern(initialisms_vowel);
    const View letters = m[1], ending = m[2];
    const bool spelled_out = known.has(letters) || (!vowel.search(letters) && !roman.has(letters));
    if (!spelled_out || (ending.empty() && letters == U"US" && shouted(m))) return Text(m[0]);
    const bool apostrophe = ending.find_first_of(U"'’") != View::npos;
    return spelled(letters) + (apostrophe || ending.empty() ? U"" : U"'") + Text(ending);
}

}  // namespace

Text initialisms(View text, bool) {
    static const Pattern wars = pattern(initialisms_wars), formula = pattern(initialisms_formula),
                         both = pattern(initialisms_and), phd = pattern(initialisms_phd),
                         dotted = pattern(initialisms_dotted), initials = pattern(initialisms_initial),
                         capitals = pattern(initialisms_capitals);
    Text out = wars.sub(text, [](const Match& m) { return Text(m[1] == U"II" ? U"World War two" : U"World War one"); });
    out = formula.sub(out, [](const Match& m) { return Text(m[1]) + U" O"; });
    out = both.sub(out, [](const Match& m) { return spelled(m[1]) + U" and " + spelled(m[2]); });
    out = phd.sub(out, [](const Match& m) { return U"P H D" + behind(m, m.has(1)); });
    out = dotted.sub(out, [](const Match& m) {
        Text letters = replaced(m[1], U".", U"");
        std::transform(letters.begin(), letters.end(), letters.begin(), raised);
        return spelled(letters) + behind(m, true);
    });
    out = initials.sub(out, initial);
    return capitals.sub(out, capitals_spelled);
}

}  // namespace kokoro_npu::reading
