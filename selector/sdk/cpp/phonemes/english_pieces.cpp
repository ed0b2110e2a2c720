#include "phonemes/english_pieces.hpp"

#include <cstddef>

#include "phonemes/characters_of_words.hpp"

namespace kokoro_npu {
namespace detail {
namespace {

constexpr const char* digit_names[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};

struct Folded {
    std::u32string_view from;
    const char* to;
};
constexpr Folded folded[] = {
    {U"àáâãäåāăąǎ", "a"}, {U"ÀÁÂÃÄÅĀĂĄ", "A"}, {U"æ", "ae"},         {U"Æ", "Ae"},      {U"çćĉċč", "c"}, {U"ÇĆĈĊČ", "C"},
    {U"ďđð", "d"},        {U"ĎĐÐ", "D"},       {U"èéêëēĕėęě", "e"}, {U"ÈÉÊËĒĔĖĘĚ", "E"}, {U"ĝğġģ", "g"},  {U"ĜĞĠĢ", "G"},
    {U"ĥħ", "h"},         {U"ĤĦ", "H"},        {U"ìíîïĩīĭįı", "i"}, {U"ÌÍÎÏĨĪĬĮİ", "I"}, {U"ĵ", "j"},     {U"ķ", "k"},
    {U"ĺļľŀł", "l"},      {U"ĹĻĽĿŁ", "L"},     {U"ñńņňŋ", "n"},     {U"ÑŃŅŇŊ", "N"},   {U"òóôõöøōŏő", "o"},
    {U"ÒÓÔÕÖØŌŎŐ", "O"},
    {U"œ", "oe"},         {U"Œ", "Oe"},        {U"ŕŗř", "r"},       {U"ŔŖŘ", "R"},     {U"śŝşšș", "s"}, {U"ŚŜŞŠȘ", "S"},
    {U"ß", "ss"},         {U"ţťŧț", "t"},      {U"ŢŤŦȚ", "T"},      {U"þ", "th"},      {U"Þ", "Th"},    {U"ùúûüũūŭůűų", "u"},
    {U"ÙÚÛÜŨŪŬŮŰŲ", "U"}, {U"ŵ", "w"},         {U"Ŵ", "W"},         {U"ýÿŷ", "y"},     {U"ÝŸŶ", "Y"},   {U"źżž", "z"},
    {U"ŹŻŽ", "Z"}};

bool ascii_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }

// A letter in ASCII, or nothing for one that has none.
std::string ascii_of(char32_t c) {
    if (ascii_letter(c)) return std::string(1, static_cast<char>(c));
    for (const Folded& one : folded)
        if (one.from.find(c) != std::u32string_view::npos) return one.to;
    return {};
}

bool apostrophe(char32_t c) { return c == U'\'' || c == U'‘' || c == U'’' || c == U'ʼ'; }

std::string mark_of(char32_t c) {
    constexpr std::u32string_view kept = U";:,.!?—…“”()";
    if (kept.find(c) != std::u32string_view::npos) return encoded(std::u32string_view(&c, 1));
    switch (c) {
        case U'[': case U'{': return "(";
        case U']': case U'}': return ")";
        case U'«': return "“";
        case U'»': return "”";
        case U'¿': case U'¡': return "";
        default: return is_letter(c) ? encoded(std::u32string_view(&c, 1)) : "";  // of another script
    }
}

const char* named_sign(char32_t c) {
    return c == U'%' ? "percent" : c == U'&' ? "and" : c == U'+' ? "plus" : c == U'@' ? "at" : nullptr;
}

}  // namespace

std::vector<EnglishPiece> english_pieces(std::string_view sentence) {
    std::u32string all;
    for (const char32_t c : detail::decoded(sentence))  // combined accents vanish
        if (!in(mark, c)) all += apostrophe(c) ? U'\'' : c;
    const auto letter = [&](std::size_t i) { return i < all.size() && !ascii_of(all[i]).empty(); };
    std::vector<EnglishPiece> out;
    const auto add = [&](std::string text, bool is_word) {
        if (!text.empty()) out.push_back({std::move(text), is_word, false});
    };
    for (std::size_t i = 0; i < all.size();) {
        const char32_t c = all[i];
        if (is_space(c)) {
            if (!out.empty()) out.back().spaced = true;
            ++i;
            continue;
        }
        if (letter(i) || (c == U'\'' && letter(i + 1))) {
            std::string word;
            std::size_t end = i;
            for (;; ++end) {
                const char32_t here = end < all.size() ? all[end] : U' ';
                const bool plural = end > i && (all[end - 1] == U's' || all[end - 1] == U'S');  // dogs'
                if (letter(end)) word += ascii_of(here);
                else if (here == U'\'' && (letter(end + 1) || plural)) word += '\'';
                else if ((here == U'-' || here == U'/' || here == U'_') && letter(end + 1)) word += '-';
                else if (here == U'.' && letter(end + 1)) word += '.';
                else break;
            }
            const bool initials = word.size() > 1 && word[word.size() - 2] == '.' && end < all.size() && all[end] == U'.';
            if (initials && end + 1 < all.size()) ++end;  // the last dot of U.S., unless it ends the text
            add(word, true);
            i = end;
            continue;
        }
        if (c >= U'0' && c <= U'9') {
            if (!out.empty() && out.back().is_word) out.back().spaced = true;
            add(digit_names[c - U'0'], true);
            out.back().spaced = letter(i + 1) || (i + 1 < all.size() && all[i + 1] >= U'0' && all[i + 1] <= U'9');
        } else if (const char* name = named_sign(c)) {
            if (!out.empty()) out.back().spaced = true;
            add(name, true);
            out.back().spaced = true;
        } else if (c == U'-' || c == U'–') {
            const bool alone = (i == 0 || is_space(all[i - 1])) && (i + 1 == all.size() || is_space(all[i + 1]));
            add(alone || c == U'–' ? "—" : "", false);
        } else if (c == U'"') {
            const bool opens = i == 0 || is_space(all[i - 1]) || all[i - 1] == U'(' || all[i - 1] == U'—';
            add(opens ? "“" : "”", false);
        } else {
            add(mark_of(c), false);
        }
        ++i;
    }
    return out;
}

std::vector<std::string> split_at_marks(const std::string& word) {
    std::vector<std::string> out(1);
    for (const char c : word) {
        if (c == '-' || c == '.') {
            if (!out.back().empty()) out.emplace_back();
        } else {
            out.back() += c;
        }
    }
    if (out.back().empty() && out.size() > 1) out.pop_back();
    return out;
}

std::vector<std::string> split_at_capitals(const std::string& word) {
    std::vector<std::string> out(1);
    for (std::size_t i = 0; i < word.size(); ++i) {
        const bool small_before = i > 0 && word[i - 1] >= 'a' && word[i - 1] <= 'z';
        if (small_before && word[i] >= 'A' && word[i] <= 'Z') out.emplace_back();
        out.back() += word[i];
    }
    return out;
}

}  // namespace detail
}  // namespace kokoro_npu
