// Letters and words of a text as its phonemizers see them: characters are those of text/, words stay in UTF-8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "letters.hpp"
#include "text/unicode_kinds.hpp"
#include "text/utf8.hpp"

namespace kokoro_npu {
namespace detail {

using reading::decoded;
using reading::encoded;
using reading::is_space;
using reading::is_word;
using reading::lowered;

inline bool is_letter(char32_t c) { return reading::is_letter_or_digit(c) && !reading::is_digit(c); }

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

}  // namespace detail
}  // namespace kokoro_npu
