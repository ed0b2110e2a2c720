// Capital letters that are spoken by their names in English.
#pragma once

#include <cstddef>
#include <string>

#include "phonemes/characters_of_words.hpp"

namespace kokoro_npu {
namespace detail {

// A capital A that is a letter's name, not the article: espeak says it as it says "eigh". The same as LETTER_A of
// export_onnx/text/front_ends.py.
inline std::string named_letters(const std::string& words) {
    const std::u32string all = decoded(words);
    const auto at = [&](std::size_t i) { return i < all.size() ? all[i] : U' '; };
    const auto capital = [](char32_t c) { return c >= U'A' && c <= U'Z'; };
    const auto small = [](char32_t c) { return c >= U'a' && c <= U'z'; };
    std::string out;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const bool alone_behind = !is_word(at(i + 1)), alone_before = i == 0 || !is_word(all[i - 1]);
        bool letter = false;
        if (all[i] == U'A' && alone_behind) {
            const bool letter_before =
                i >= 2 && all[i - 1] == U' ' && capital(all[i - 2]) && (i == 2 || !is_word(all[i - 3]));
            const bool letter_behind = at(i + 1) == U' ' && capital(at(i + 2)) && !is_word(at(i + 3)) &&
                                       !small(at(i + 3)) &&
                                       !((at(i + 3) == U'\'' || at(i + 3) == U'.') && small(at(i + 4)));
            const bool word_before = i >= 2 && all[i - 1] == U' ' && small(all[i - 2]);
            const bool ends =
                i + 1 == all.size() || !(is_word(all[i + 1]) || is_space(all[i + 1]) || all[i + 1] == U'\'');
            letter = (letter_before && at(i + 1) != U'\'') || (alone_before && letter_behind) || (word_before && ends);
        }
        if (letter) out += "eigh";
        else append_utf8(out, all[i]);
    }
    return out;
}

}  // namespace detail
}  // namespace kokoro_npu
