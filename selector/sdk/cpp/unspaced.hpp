// Text without spaces taken apart: behind its marks, and else between its letters. Part of split.hpp.
//
// What the sets are for: selector/text/characters.py and selector/text/unspaced.py; the shared vectors compare.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace kokoro_npu {

namespace detail {

struct Range {
    char32_t first, last, step;
};
template <std::size_t N>
bool in(const Range (&ranges)[N], char32_t c) {
    return std::any_of(std::begin(ranges), std::end(ranges), [c](const Range& r) {
        return c >= r.first && c <= r.last && (c - r.first) % r.step == 0;
    });
}
template <std::size_t N>
bool starts_in(const Range (&ranges)[N], std::u32string_view text) {
    return !text.empty() && in(ranges, text[0]);
}

inline constexpr Range digit[] = {
    {0x30, 0x39, 1}, {0x660, 0x669, 1}, {0x6F0, 0x6F9, 1}, {0x966, 0x96F, 1}, {0xFF10, 0xFF19, 1}};
inline constexpr Range unspaced[] = {
    {0x3005, 0x3007, 1}, {0x3041, 0x3096, 1}, {0x309D, 0x309E, 1}, {0x30A1, 0x30FA, 1}, {0x30FC, 0x30FE, 1},
    {0x31F0, 0x31FF, 1}, {0x3400, 0x4DBF, 1}, {0x4E00, 0x9FFF, 1}, {0xF900, 0xFAFF, 1}, {0xFF66, 0xFF9F, 1},
    {0x20000, 0x3FFFD, 1}};
inline constexpr Range never_first[] = {
    {0x3005, 0x3005, 1}, {0x3041, 0x3049, 2}, {0x3063, 0x3063, 1}, {0x3083, 0x3087, 2}, {0x308E, 0x308E, 1},
    {0x3095, 0x3096, 1}, {0x309D, 0x309E, 1}, {0x30A1, 0x30A9, 2}, {0x30C3, 0x30C3, 1}, {0x30E3, 0x30E7, 2},
    {0x30EE, 0x30EE, 1}, {0x30F5, 0x30F6, 1}, {0x30FC, 0x30FE, 1}, {0x31F0, 0x31FF, 1}, {0xFF67, 0xFF70, 1},
    {0xFF9E, 0xFF9F, 1}};
inline constexpr std::u32string_view closing = U"」』）】》〉〕］｝", opening = U"「『（【《〈〔［｛";
inline constexpr std::u32string_view full_width_marks = U"。！？、，；：．｡､", narrow_marks = U".!?,;:…—";

inline bool is_one_of(std::u32string_view marks, char32_t c) { return marks.find(c) != std::u32string_view::npos; }

// Whether a part of what white space separates ends before `token[at]`.
inline bool part_ends(std::u32string_view token, std::size_t at) {
    const auto may_begin = [](char32_t c) { return in(unspaced, c) && !in(never_first, c); };
    const auto ends = [](char32_t c) { return is_one_of(full_width_marks, c) || is_one_of(narrow_marks, c); };
    const auto closes = [](char32_t c) { return is_one_of(closing, c) || c == U'”' || c == U'’'; };
    const char32_t behind = token[at];
    if (in(unspaced, token[at - 1])) return may_begin(behind) || is_one_of(opening, behind);
    if (ends(behind) || closes(behind)) return false;
    std::size_t end = at;  // of the letters, with marks and closing brackets behind them
    while (end > 0 && closes(token[end - 1])) --end;
    if (end == 0 || !ends(token[end - 1])) return false;
    const char32_t mark = token[end - 1];
    while (end > 0 && ends(token[end - 1])) --end;
    const char32_t letter = end > 0 ? token[end - 1] : U' ';
    if (in(digit, letter) && in(digit, behind)) return false;
    return is_one_of(full_width_marks, mark) ||
           (in(unspaced, letter) && (may_begin(behind) || is_one_of(opening, behind)));
}

// The parts of what white space separates; one for a word of a script with spaces.
inline std::vector<std::u32string> unspaced_parts(const std::u32string& token) {
    std::vector<std::u32string> parts;
    std::size_t begin = 0;
    const auto candidate = [](char32_t c) { return in(unspaced, c) || is_one_of(full_width_marks, c); };
    const bool given = token.find(U"](/") != std::u32string::npos;  // [word](/phonemes/) is one word
    if (!given && std::any_of(token.begin(), token.end(), candidate)) {
        for (std::size_t at = 1; at < token.size(); ++at) {
            if (!part_ends(token, at)) continue;
            parts.push_back(token.substr(begin, at - begin));
            begin = at;
        }
    }
    parts.push_back(token.substr(begin));
    return parts;
}

}  // namespace detail

}  // namespace kokoro_npu
