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
#include <vector>

#include "kokoro_npu.hpp"
#include "unspaced.hpp"

namespace kokoro_npu {

// What ends behind a word; a greater one is a better place for a cut, and asks for a longer pause. Inside a text without
// spaces nothing ends.
enum class Bound { inside = -1, glue, word, clause, sentence, paragraph };

namespace detail {

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
inline constexpr Range mark[] = {
    {0x300, 0x36F, 1}};
inline constexpr Range vanishing[] = {
    {0xAD, 0xAD, 1}, {0x61C, 0x61C, 1}, {0x180E, 0x180E, 1}, {0x200B, 0x200F, 1}, {0x202A, 0x202E, 1},
    {0x2060, 0x206F, 1}, {0xFEFF, 0xFEFF, 1}, {0xFFF9, 0xFFFB, 1}, {0xE0000, 0xE007F, 1}};
inline constexpr Range blank[] = {
    {0x0, 0x9, 1}, {0xB, 0x20, 1}, {0x7F, 0xA0, 1}, {0x1680, 0x1680, 1}, {0x2000, 0x200A, 1}, {0x2028, 0x2029, 1},
    {0x202F, 0x202F, 1}, {0x205F, 0x205F, 1}, {0x3000, 0x3000, 1}, {0xD800, 0xF8FF, 1}, {0xF0000, 0x10FFFF, 1}};

// One word with its punctuation. `length` in code points; `spaced`: a space separates it from the next; `ends_chunk`: it
// is the last of a paragraph, or of a line that is spoken for itself.
struct Word {
    std::string text;
    std::int64_t length = 0;
    Bound bound = Bound::paragraph;
    bool spaced = true;
    bool ends_chunk = false;
};

// The text of words that follow each other.
template <class Iterator>
std::string joined_text(Iterator from, Iterator to) {
    std::string text;
    bool space = false;
    for (; from != to; ++from) {
        if (space) text += ' ';
        text += from->text;
        space = from->spaced;
    }
    return text;
}

// Words and ends of lines of a text, cleaned, read as far as asked for.
class Tokens {
public:
    explicit Tokens(std::string text) : text_(std::move(text)) {}

    // A word, "\n" for the end of a line, or "\f" for a blank line; empty at the end.
    std::u32string next() {
        for (;;) {
            char32_t c = peek();
            if (c == end) return {};
            if (c == U'\n' || c == U'\f') {
                at_ = after_;
                if (c == U'\f') return U"\f";
                while ((c = peek()) == U' ') at_ = after_;
                if (c != U'\n' && c != U'\f') return U"\n";
                at_ = after_;
                return U"\f";
            }
            std::u32string word;
            for (; c != end && c != U' ' && c != U'\n' && c != U'\f'; c = peek()) {
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

    // The character at at_, and where the next one begins; at_ moves over what vanishes. Ends of lines are "\n", of
    // paragraphs "\f"; a carriage return before a line's end belongs to it.
    char32_t peek() {
        for (; at_ < text_.size(); at_ = after_) {
            const char32_t c = decode();
            if (c == U'\r' && after_ < text_.size() && text_[after_] == '\n') continue;
            if (c == U'\n' || c == U'\v' || c == U'\r' || c == 0x85 || c == 0x2028) return U'\n';
            if (c == U'\f' || c == 0x2029) return U'\f';
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

// The words of a text in order. A blank line ends a paragraph; a line's end is a pause, unless the line was wrapped.
class Words {
public:
    explicit Words(std::string text) : tokens_(std::move(text)) {}

    std::optional<Word> next() {
        for (;;) {
            if (at_ == parts_.size()) {
                const std::u32string token = tokens_.next();
                if (token == U"\n") {
                    line_ends_ = true;
                    continue;
                }
                if (token.empty() || token == U"\f") {
                    const std::u32string word = std::exchange(word_, {});
                    starts_ = true;
                    line_ends_ = false;
                    length_ = 0;
                    if (!word.empty()) return made(word, Bound::paragraph, true, true);
                    if (token.empty()) return std::nullopt;
                    continue;
                }
                parts_ = unspaced_parts(token);
                at_ = 0;
                item_ = is_item(token);
            }
            const bool first = at_ == 0;
            const std::u32string part = parts_[at_++];
            std::optional<Word> out;
            if (!word_.empty()) {
                Bound bound = between(word_, part);
                bool ends_chunk = false;
                if (!first) {
                    bound = bound >= Bound::clause ? bound : Bound::inside;
                } else if (line_ends_ && (length_ < wrapped || length_ > longest_wrapped || item_)) {
                    bound = line_end(word_, bound);
                    ends_chunk = bound >= Bound::sentence;
                }
                starts_ = bound >= Bound::sentence;
                out = made(word_, bound, first, ends_chunk);
            }
            if (line_ends_) length_ = 0;
            line_ends_ = false;
            length_ += part.size() + (first ? 1 : 0);
            word_ = part;
            if (out) return out;
        }
    }

private:
    using View = std::u32string_view;
    // Characters of a line: shorter ones end on purpose, longer ones nobody wraps.
    static constexpr std::size_t wrapped = 45, longest_wrapped = 120;
    static constexpr View closers_ = U"\"'’”»)]}*_」』）】》〉〕］｝", openers_ = U"\"'‘“«([{*_「『（【《〈〔［｛";
    static constexpr View sentence_end_ = U".!?…。！？।．｡", clause_end_ = U",;:，、；：､—–";
    Tokens tokens_;
    std::u32string word_;
    bool starts_ = true;                 // whether word_ begins a sentence
    std::vector<std::u32string> parts_;  // of the token that is read
    std::size_t at_ = 0;                 // the next of them
    bool item_ = false;                  // whether the token marks an item of a list
    bool line_ends_ = false;             // behind word_
    std::size_t length_ = 0;             // of word_'s line, as far as it is read

    static Word made(const std::u32string& word, Bound bound, bool spaced, bool ends_chunk) {
        Word out{{}, static_cast<std::int64_t>(word.size()), bound, spaced, ends_chunk};
        for (const char32_t c : word) append_utf8(out.text, c);
        return out;
    }
    // A bullet, or a number of one or two digits with a dot or a bracket.
    static bool is_item(View token) {
        if (token.size() == 1) return View(U"-*+•‣◦·").find(token[0]) != View::npos;
        const auto ascii = [](char32_t c) { return c >= U'0' && c <= U'9'; };
        const bool digits = ascii(token[0]) && (token.size() == 2 || (token.size() == 3 && ascii(token[1])));
        return digits && (token.back() == U'.' || token.back() == U')');
    }
    static bool is_dash(View word) { return word == U"-" || word == U"--"; }
    static bool ends_clause(View bare) {
        return !bare.empty() && (clause_end_.find(bare.back()) != View::npos || is_dash(bare));
    }
    // The bound at the end of a line that was not wrapped; the word gets a full stop if it has no mark.
    static Bound line_end(std::u32string& word, Bound bound) {
        const View bare = right_stripped(word, closers_);
        if (bare.empty() || right_stripped(bare, sentence_end_) != bare) return Bound::sentence;
        if (ends_clause(bare)) return std::max(bound, Bound::clause);
        const bool wide = in(unspaced, bare.back());
        word += wide ? U'。' : U'.';
        return Bound::sentence;
    }

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
        const View bare = right_stripped(word, closers_), after = left_stripped(following, openers_);
        const bool capital = !starts_in(lower, after);
        const View end = bare.substr(right_stripped(bare, sentence_end_).size());
        if (end == U".") return after_dot(left_stripped(bare, openers_), word != bare, after, capital);
        if (!end.empty()) return capital ? Bound::sentence : Bound::clause;
        if (ends_clause(bare))
            return digits(bare) && digits(after) && bare.back() == U',' ? Bound::glue : Bound::clause;
        if (after == U"—" || after == U"–" || is_dash(after)) return Bound::glue;
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
