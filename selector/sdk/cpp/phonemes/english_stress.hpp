// Marks of stress in English phonemes: misaki's rules for words that are capitalized, small or part of another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace kokoro_npu {
namespace detail {

inline constexpr char32_t main_stress = U'ˈ', side_stress = U'ˌ';
inline constexpr std::u32string_view english_vowels = U"AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ";
inline constexpr std::u32string_view english_consonants = U"bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ";

inline bool has(std::u32string_view text, char32_t c) { return text.find(c) != std::u32string_view::npos; }

// How much a word's spelling asks for: capitalized words are stressed, those in capitals have a main stress.
enum class Emphasis { usual, capitalized, capitals };

inline std::u32string without(std::u32string text, char32_t mark) {
    text.erase(std::remove(text.begin(), text.end(), mark), text.end());
    return text;
}

// The main stress becomes a side one, and side ones vanish.
inline std::u32string weakened(std::u32string_view phonemes) {
    std::u32string out = without(std::u32string(phonemes), side_stress);
    std::replace(out.begin(), out.end(), main_stress, side_stress);
    return out;
}

// A mark in front of the first vowel; none where there is no vowel.
inline std::u32string marked(std::u32string phonemes, char32_t mark) {
    const std::size_t vowel = phonemes.find_first_of(english_vowels);
    if (vowel != std::u32string::npos) phonemes.insert(vowel, 1, mark);
    return phonemes;
}

// For a capitalized word, or a stem with "ing": one without any stress gets a side one.
inline std::u32string at_least_side(const std::u32string& phonemes) {
    return has(phonemes, main_stress) || has(phonemes, side_stress) ? phonemes : marked(phonemes, side_stress);
}

// For a word in capitals: a side stress becomes the main one, and one without any gets it.
inline std::u32string at_least_main(std::u32string phonemes) {
    if (has(phonemes, main_stress)) return phonemes;
    if (!has(phonemes, side_stress)) return marked(std::move(phonemes), main_stress);
    std::replace(phonemes.begin(), phonemes.end(), side_stress, main_stress);
    return phonemes;
}

inline std::u32string emphasized(const std::u32string& phonemes, Emphasis emphasis) {
    if (emphasis == Emphasis::usual) return phonemes;
    return emphasis == Emphasis::capitalized ? at_least_side(phonemes) : at_least_main(phonemes);
}

}  // namespace detail
}  // namespace kokoro_npu
