#include "unicode_kinds.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "letters.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {

namespace {

#include "characters.inc"

bool is_white(char32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace

std::uint8_t kinds_of(char32_t c) {
    if (c < 128) {
        if (c >= U'0' && c <= U'9') return word_kind | digit_kind;
        if ((c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || c == U'_') return word_kind;
        return is_white(c) ? space_kind : 0;
    }
    if (is_white(c)) return space_kind;
    if (!detail::among(detail::alphanumeric, c)) return 0;
    return detail::among(detail::decimal, c) ? word_kind | digit_kind : word_kind;
}

bool is_letter_or_digit(char32_t c) { return c != U'_' && is_word(c); }
bool is_figure(char32_t c) { return detail::among(figures, c); }
bool is_printable(char32_t c) { return c < 128 ? c >= 32 && c < 127 : detail::among(printable, c); }
bool is_capital(char32_t c) { return c < 128 ? c >= U'A' && c <= U'Z' : detail::among(upper_case, c); }

int digit_value(char32_t c) {
    const auto* found = std::upper_bound(std::begin(detail::decimal), std::end(detail::decimal), c,
                                         [](char32_t value, const Span& span) { return value < span.first; });
    return static_cast<int>((c - std::prev(found)->first) % 10);
}

char32_t lowered(char32_t c) {
    if (c < 128) return c >= U'A' && c <= U'Z' ? c + 32 : c;
    const Mapped* found = std::upper_bound(std::begin(lower_case), std::end(lower_case), c,
                                           [](char32_t value, const Mapped& run) { return value < run.first; });
    if (found == std::begin(lower_case)) return c;
    --found;
    return c <= found->last && (c - found->first) % found->step == 0 ? found->target + (c - found->first) : c;
}

char32_t raised(char32_t c) {
    if (c < 128) return c >= U'a' && c <= U'z' ? c - 32 : c;
    for (const Mapped& run : lower_case)
        if (c >= run.target && c <= run.target + (run.last - run.first) && (c - run.target) % run.step == 0)
            return run.first + (c - run.target);
    return c;
}

char32_t folded(char32_t c) {
    if (c < 128) return lowered(c);
    if (c == 0x131) return U'i';   // dotless
    if (c == 0x17F) return U's';   // long
    if (c == 0xB5) return 0x3BC;   // micro sign
    if (c == 0x3C2) return 0x3C3;  // final sigma
    return lowered(c);
}

std::u32string lowered(std::u32string_view text) {
    std::u32string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char32_t c) { return lowered(c); });
    return out;
}

}  // namespace kokoro_npu::reading
