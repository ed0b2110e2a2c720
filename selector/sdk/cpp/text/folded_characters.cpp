#include "folded_characters.hpp"

#include <algorithm>

#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_forms.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

constexpr View kept = U"…²³™ª º";  // `units` and others read them

// An exponent behind a digit or a single letter; "m²" is left to the units; else a note's number, said apart.
Text raised_digits(const Match& m) {
    static const Pattern unit(R"(\d ?(?:[kcm]?m|mi|ft|in|s)$)"), base(R"((?:\d|\b\w{1,2}|\))$)");
    if (unit.search(m.before())) return Text(m[0]);
    Text digits;
    for (const char32_t c : m[0]) digits += compatible_form(c);
    return (base.search(m.before()) ? U"^" : U" ") + replaced(digits, U"\u2212", U"-");
}

// Pictures: emoji, their modifiers and joiners, dingbats; not arrows or arithmetic.
bool is_emoji(char32_t c) {
    constexpr Span pictures[] = {{0x20E3, 0x20E3}, {0x2300, 0x23FF}, {0x2600, 0x27BF}, {0x2B00, 0x2BFF},
                                 {0xFE00, 0xFE0F}, {0x1F000, 0x1FAFF}, {0xE0020, 0xE007F}};
    return detail::among(pictures, c);
}

}  // namespace

Text folded_characters(View text, bool own_marks) {
    static const Pattern emoticon = pattern(folded_characters_emoticon), fraction = pattern(folded_characters_fraction),
                         raised = pattern(folded_characters_raised);
    static const WordTable marks(folded_characters_spaced_marks);
    const Text plain = emoticon.sub(text, U"");
    if (std::all_of(plain.begin(), plain.end(), [](char32_t c) { return c < 128; })) return plain;
    const Text apart = raised.sub(fraction.sub(plain, U" "), raised_digits);
    Text folded, out;
    for (const char32_t c : composed_form(apart))
        folded += kept.find(c) != View::npos ? Text(1, c) : compatible_form(c);
    for (const char32_t c : folded) {
        const bool own = own_marks && (c == U'。' || c == U'、');
        if (const Text* mark = own ? nullptr : marks.find(View(&c, 1))) out += *mark;
        else if (is_digit(c)) out += static_cast<char32_t>(U'0' + digit_value(c));
        else out += is_emoji(c) ? U' ' : c;
    }
    return out;
}

}  // namespace kokoro_npu::reading
