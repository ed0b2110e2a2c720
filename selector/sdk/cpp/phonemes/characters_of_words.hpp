// Words, letters and given pronunciations of a text as its phonemizers see them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "letters.hpp"

namespace kokoro_npu {
namespace detail {

// A letter, a digit or an underscore, as `\w` of Python's `re`.
inline bool word_like(char32_t c) { return c == U'_' || among(alphanumeric, c); }
inline bool is_letter(char32_t c) { return among(alphanumeric, c) && !among(decimal, c); }
inline bool is_space(char32_t c) { return c == U'\n' || in(blank, c); }

inline char32_t lowered(char32_t c) {
    if (c >= U'A' && c <= U'Z') return c + 32;
    if (!in(upper, c)) return c;
    if (c < 0x100 || (c >= 0x391 && c <= 0x3AB) || (c >= 0x410 && c <= 0x42F)) return c + 32;
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    return in(upper, c + 1) ? c : c + 1;  // pairs of capital and small letter
}
inline std::u32string lowered(std::u32string_view text) {
    std::u32string out(text);
    for (char32_t& c : out) c = lowered(c);
    return out;
}

inline std::string utf8_of(std::u32string_view text) {
    std::string out;
    for (const char32_t c : text) append_utf8(out, c);
    return out;
}

inline std::string_view trimmed(std::string_view text) {
    const std::size_t from = text.find_first_not_of(" \t\r\n");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r\n") + 1 - from);
}

inline std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; (at = text.find_first_not_of(" \t\r\n", at)) != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
        out.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return out;
}

// One space between words, none at the ends.
inline std::string single_spaced(std::string_view text) {
    std::string out;
    for (const std::string& word : split_words(text)) out += (out.empty() ? "" : " ") + word;
    return out;
}

inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

// How many characters a given pronunciation, `[word](/phonemes/)`, has that begins at `at`; 0 if none does. `slash` gets
// the place of its first slash.
inline std::size_t given_length(std::u32string_view all, std::size_t at, std::size_t* slash = nullptr) {
    if (at >= all.size() || all[at] != U'[') return 0;
    const std::size_t close = all.find_first_of(U"[]\n", at + 1);
    if (close == std::u32string_view::npos || close == at + 1 || all[close] != U']' || all.substr(close + 1, 2) != U"(/")
        return 0;
    const std::size_t end = all.find_first_of(U"/()[]\n", close + 3);
    if (end == std::u32string_view::npos || end == close + 3 || all.substr(end, 2) != U"/)") return 0;
    if (slash) *slash = close + 2;
    return end + 2 - at;
}

}  // namespace detail
}  // namespace kokoro_npu
