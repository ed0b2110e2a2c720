#include "unicode_forms.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "characters.inc"

// Korean syllables are made of their letters by arithmetic.
constexpr char32_t syllable = 0xAC00, lead = 0x1100, vowel = 0x1161, tail = 0x11A7;
constexpr char32_t leads = 19, vowels = 21, tails = 28;

template <class Row, std::size_t N>
const Row* row_of(const Row (&rows)[N], char32_t c, char32_t Row::*first) {
    const Row* found = std::upper_bound(std::begin(rows), std::end(rows), c,
                                        [first](char32_t value, const Row& row) { return value < row.*first; });
    return found == std::begin(rows) ? nullptr : std::prev(found);
}

template <std::size_t N>
char32_t mapped(const Mapped (&rows)[N], char32_t c) {
    const Mapped* row = row_of(rows, c, &Mapped::first);
    return row != nullptr && c <= row->last && (c - row->first) % row->step == 0 ? row->target + (c - row->first) : c;
}

char32_t combining_class(char32_t c) {
    const Span3* row = row_of(combining, c, &Span3::a);
    return row != nullptr && c <= row->b ? row->c : 0;
}

void decompose(char32_t c, Text& out) {
    if (c < 0xC0) {
        out += c;
    } else if (c >= syllable && c < syllable + leads * vowels * tails) {
        const char32_t at = c - syllable;
        out += lead + at / (vowels * tails);
        out += vowel + at % (vowels * tails) / tails;
        if (at % tails != 0) out += tail + at % tails;
    } else if (const char32_t other = mapped(replaced_by, c); other != c) {
        decompose(other, out);
    } else {
        for (const auto* row : {row_of(composed, c, &Span3::a), row_of(decomposed, c, &Span3::a)}) {
            if (row == nullptr || row->a != c) continue;
            decompose(row->b, out);
            decompose(row->c, out);
            return;
        }
        out += c;
    }
}

// 0 where the two do not compose.
char32_t composite(char32_t first, char32_t second) {
    static const auto pairs = [] {
        std::map<std::pair<char32_t, char32_t>, char32_t> all;
        for (const Span3& row : composed) all[{row.b, row.c}] = row.a;
        return all;
    }();
    if (first >= lead && first < lead + leads && second >= vowel && second < vowel + vowels)
        return syllable + ((first - lead) * vowels + (second - vowel)) * tails;
    const bool open = first >= syllable && first < syllable + leads * vowels * tails && (first - syllable) % tails == 0;
    if (open && second > tail && second < tail + tails) return first + (second - tail);
    const auto found = pairs.find({first, second});
    return found == pairs.end() ? 0 : found->second;
}

}  // namespace

Text composed_form(View text) {
    Text apart;
    for (const char32_t c : text) decompose(c, apart);
    for (std::size_t i = 0; i < apart.size();) {  // marks on one letter in the order of their classes
        std::size_t end = i;
        while (end < apart.size() && combining_class(apart[end]) != 0) ++end;
        std::stable_sort(apart.begin() + static_cast<std::ptrdiff_t>(i), apart.begin() + static_cast<std::ptrdiff_t>(end),
                         [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
        i = end + 1;
    }
    Text out;
    std::size_t starter = Text::npos;
    char32_t last_class = 0;  // of what stands behind the starter and was not composed
    for (const char32_t c : apart) {
        const char32_t kind = combining_class(c);
        const bool beside = starter != Text::npos && starter + 1 == out.size();
        if (starter != Text::npos && (beside || last_class < kind)) {
            if (const char32_t one = composite(out[starter], c)) {
                out[starter] = one;
                continue;
            }
        }
        if (kind == 0) starter = out.size();
        last_class = kind;
        out += c;
    }
    return out;
}

Text compatible_form(char32_t c) {
    if (c < 0xA0) return Text(1, c);
    const Spelled* row = row_of(compatible_many, c, &Spelled::c);
    if (row != nullptr && row->c == c) return decoded(row->text);
    return Text(1, mapped(compatible_one, c));
}

}  // namespace kokoro_npu::reading
