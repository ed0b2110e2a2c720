// Where a text may be cut: after which word, and how well. Part of split.hpp.
//
// What the numbers and lists are for: selector/text/characters.py and selector/text/bounds.py; the shared vectors compare.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kokoro_npu.hpp"

namespace kokoro_npu {

// What ends behind a word; a greater one is a better place for a cut, and asks for a longer pause.
enum class Bound { glue, word, clause, sentence, paragraph };

namespace detail {

struct Range {
    char32_t first, last, step;
};
inline constexpr Range lower[] = {
    {0x61, 0x7A, 1}, {0xB5, 0xB5, 1}, {0xDF, 0xF6, 1}, {0xF8, 0xFF, 1}, {0x101, 0x137, 2}, {0x138, 0x148, 2},
    {0x149, 0x177, 2}, {0x17A, 0x17E, 2}, {0x17F, 0x17F, 1}, {0x1A1, 0x1A1, 1}, {0x1B0, 0x1B0, 1}, {0x1CE, 0x1DC, 2},
    {0x1F9, 0x233, 2}, {0x390, 0x390, 1}, {0x3AC, 0x3CE, 1}, {0x430, 0x45F, 1}, {0x461, 0x481, 2}, {0x48B, 0x4BF, 2},
    {0x4C2, 0x4CE, 2}, {0x4CF, 0x52F, 2}, {0x1E01, 0x1E95, 2}, {0x1E96, 0x1E9D, 1}, {0x1E9F, 0x1EFF, 2}};
inline constexpr Range upper[] = {
    {0x41, 0x5A, 1}, {0xC0, 0xD6, 1}, {0xD8, 0xDE, 1}, {0x100, 0x136, 2}, {0x139, 0x147, 2}, {0x14A, 0x178, 2},
    {0x179, 0x17D, 2}, {0x1A0, 0x1A0, 1}, {0x1AF, 0x1AF, 1}, {0x1CD, 0x1DB, 2}, {0x1F8, 0x232, 2}, {0x386, 0x386, 1},
    {0x388, 0x38A, 1}, {0x38C, 0x38C, 1}, {0x38E, 0x38F, 1}, {0x391, 0x3A1, 1}, {0x3A3, 0x3AB, 1}, {0x400, 0x42F, 1},
    {0x460, 0x480, 2}, {0x48A, 0x4C0, 2}, {0x4C1, 0x4CD, 2}, {0x4D0, 0x52E, 2}, {0x1E00, 0x1E94, 2},
    {0x1E9E, 0x1EFE, 2}};
inline constexpr Range digit[] = {
    {0x30, 0x39, 1}, {0x660, 0x669, 1}, {0x6F0, 0x6F9, 1}, {0x966, 0x96F, 1}, {0xFF10, 0xFF19, 1}};
inline constexpr Range mark[] = {
    {0x300, 0x36F, 1}};
inline constexpr Range vanishing[] = {
    {0xAD, 0xAD, 1}, {0x61C, 0x61C, 1}, {0x180E, 0x180E, 1}, {0x200B, 0x200F, 1}, {0x202A, 0x202E, 1},
    {0x2060, 0x206F, 1}, {0xFEFF, 0xFEFF, 1}, {0xFFF9, 0xFFFB, 1}, {0xE0000, 0xE007F, 1}};
inline constexpr Range blank[] = {
    {0x0, 0x9, 1}, {0xB, 0x20, 1}, {0x7F, 0xA0, 1}, {0x1680, 0x1680, 1}, {0x2000, 0x200A, 1}, {0x2028, 0x2029, 1},
    {0x202F, 0x202F, 1}, {0x205F, 0x205F, 1}, {0x3000, 0x3000, 1}, {0xD800, 0xF8FF, 1}, {0xF0000, 0x10FFFF, 1}};

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

// One word with its punctuation. `length` in code points.
struct Word {
    std::string text;
    std::int64_t length = 0;
    Bound bound = Bound::paragraph;
};

// Words and blank lines of a text, cleaned, read as far as asked for.
class Tokens {
public:
    explicit Tokens(std::string text) : text_(std::move(text)) {}

    // A word, or "\n" for a blank line; empty at the end.
    std::u32string next() {
        for (;;) {
            char32_t c = peek();
            if (c == end) return {};
            if (c == U'\n') {
                do {
                    at_ = after_;
                } while ((c = peek()) == U' ');
                if (c != U'\n') continue;
                at_ = after_;
                return U"\n";
            }
            std::u32string word;
            for (; c != end && c != U' ' && c != U'\n'; c = peek()) {
                word += c;
                at_ = after_;
            }
            if (!word.empty()) return word;
            at_ = after_;
        }
    }

private:
    static constexpr char32_t end = 0x110000;
    std::string text_;
    std::size_t at_ = 0, after_ = 0;

    // The character at at_, and where the next one begins; at_ moves over what vanishes.
    char32_t peek() {
        for (; at_ < text_.size(); at_ = after_) {
            const char32_t c = decode();
            if (!in(vanishing, c)) return in(blank, c) ? U' ' : c;
        }
        return end;
    }
    // What is not UTF-8 is a space, byte by byte.
    char32_t decode() {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text_[i]); };
        const unsigned lead = byte(at_);
        after_ = at_ + 1;
        if (lead < 0x80) return lead;
        const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (lead < 0xC2 || lead > 0xF4 || at_ + length > text_.size()) return U' ';
        char32_t c = lead & (0xFFU >> (length + 1));
        for (std::size_t i = 1; i < length; ++i) {
            if ((byte(at_ + i) & 0xC0U) != 0x80U) return U' ';
            c = (c << 6) | (byte(at_ + i) & 0x3FU);
        }
        if ((length == 3 && c < 0x800) || (length == 4 && (c < 0x10000 || c >= end))) return U' ';
        after_ = at_ + length;
        return c;  // a surrogate is blank anyway
    }
};

// The words of a text in order; a blank line ends a paragraph, a single line end is a space.
class Words {
public:
    explicit Words(std::string text) : tokens_(std::move(text)) {}

    std::optional<Word> next() {
        for (;;) {
            std::u32string token = tokens_.next();
            const bool blank_line = token == U"\n";
            if (token.empty() && word_.empty()) return std::nullopt;
            const std::u32string word = std::exchange(word_, blank_line ? std::u32string() : token);
            if (word.empty()) continue;
            const Bound bound = token.empty() || blank_line ? Bound::paragraph : between(word, token);
            starts_ = bound >= Bound::sentence;
            Word out{{}, static_cast<std::int64_t>(word.size()), bound};
            for (const char32_t c : word) append_utf8(out.text, c);
            return out;
        }
    }

private:
    using View = std::u32string_view;
    Tokens tokens_;
    std::u32string word_;
    bool starts_ = true;  // whether word_ begins a sentence

    static View left_stripped(View text, View marks) {
        return text.substr(std::min(text.find_first_not_of(marks), text.size()));
    }
    static View right_stripped(View text, View marks) { return text.substr(0, text.find_last_not_of(marks) + 1); }
    static bool digits(View word) {  // 5, $5, -5
        return starts_in(digit, word) || (!word.empty() && starts_in(digit, word.substr(1)));
    }
    // The lists hold ASCII only.
    static bool listed(std::string_view list, View word) {
        std::string key = " ";
        for (const char32_t c : word) {
            if (c <= U' ' || c > U'~') return false;
            key += static_cast<char>(c >= U'A' && c <= U'Z' ? c + 32 : c);
        }
        return !word.empty() && list.find(key + ' ') != std::string_view::npos;
    }
    // A letter and a dot, once or more often (J., U.S., e.g.): how often, or 0.
    static std::size_t initials(View word) {
        std::size_t dots = 0;
        for (std::size_t i = 0; i < word.size(); ++i, ++dots) {
            if (!in(lower, word[i]) && !in(upper, word[i])) return 0;
            do {
                ++i;
            } while (i < word.size() && in(mark, word[i]));
            if (i >= word.size() || word[i] != U'.') return 0;
        }
        return dots;
    }

    // What ends between two words.
    Bound between(View word, View following) const {
        const View openers = U"\"'‘“«([{*_", closers = U"\"'’”»)]}*_";
        const View bare = right_stripped(word, closers), after = left_stripped(following, openers);
        const bool capital = !starts_in(lower, after);
        const View end = bare.substr(right_stripped(bare, U".!?…。！？।").size());
        if (end == U".") return after_dot(left_stripped(bare, openers), word != bare, after, capital);
        if (!end.empty()) return capital ? Bound::sentence : Bound::clause;
        const auto dash = [](View t) { return t == U"-" || t == U"--"; };
        if (!bare.empty() && (View(U",;:，、；：—–").find(bare.back()) != View::npos || dash(bare)))
            return digits(bare) && digits(after) && bare.back() == U',' ? Bound::glue : Bound::clause;
        if (after == U"—" || after == U"–" || dash(after)) return Bound::glue;
        const View unit = right_stripped(after, U".,;:!?");
        constexpr std::string_view scales = " hundred thousand million billion trillion percent dollars euros pounds ";
        const bool counted = starts_in(digit, unit) || (!unit.empty() && unit.size() <= 3) || listed(scales, unit);
        return digits(bare) && counted ? Bound::glue : Bound::word;
    }
    Bound after_dot(View bare, bool closed, View after, bool capital) const {
        constexpr std::string_view before_a_name =
            " mr mrs ms mx dr prof st sr sra messrs mme mlle gen col maj capt cpt lt sgt cpl pvt adm cmdr rev hon pres "
            "gov sen rep supt insp det vs v cf viz ";
        constexpr std::string_view before_a_number =
            " no nos nr fig figs p pp vol vols ch chs sec sect art eq ca c approx ";
        constexpr std::string_view may_end =
            " etc inc ltd co corp jr esq al ave blvd rd ft in oz lb dept est govt min max jan feb mar apr jun jul aug "
            "sep sept oct nov dec mon tue wed thu fri sat sun ";
        const View core = bare.substr(0, bare.size() - 1);
        if (listed(before_a_name, core)) return Bound::glue;
        if (listed(before_a_number, core) && starts_in(digit, after)) return Bound::glue;
        const bool number = std::all_of(core.begin(), core.end(), [](char32_t c) { return in(digit, c); });
        if (starts_ && !core.empty() && number) return Bound::glue;  // 1. the first item of a list
        const std::size_t letters = initials(bare);
        if (letters > 0 && core != U"i" && core != U"I")
            return closed && capital ? Bound::sentence : letters == 1 ? Bound::glue : Bound::word;
        if (!capital) return Bound::word;  // an abbreviation that no list knows
        return !listed(may_end, core) || starts_in(upper, after) ? Bound::sentence : Bound::word;
    }
};

}  // namespace detail

}  // namespace kokoro_npu
