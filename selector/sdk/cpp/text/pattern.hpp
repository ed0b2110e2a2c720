// Regular expressions over code points, as far as Python's text rules use them: the patterns of tables.inc are Python's
// own, so that both languages find the same. Groups, classes, look-around, back references, greedy and lazy repeats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kokoro_npu::reading {

using Text = std::u32string;
using View = std::u32string_view;

// One step of a compiled pattern; jumps are relative.
struct Step {
    enum class Op : std::uint8_t {
        letter, folded, set, any, begin, end, word_bound, no_word_bound, save, split, jump, repeat, look, again, accept
    };
    Op op = Op::accept;
    bool flag = false;        // repeat: lazy; look: negative; any: line ends, too; word_bound: unused
    char32_t letter = 0;
    std::int32_t a = 0, b = 0, c = 0;
};

// A class such as [^\w.]; kinds are the bits of unicode_kinds.hpp.
struct CharacterSet {
    bool negative = false, folded = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;
    std::uint8_t kinds = 0, not_kinds = 0;
    bool has(char32_t c) const;

private:
    bool plain(char32_t c) const;
};

struct Program {
    std::vector<Step> steps;
    std::vector<CharacterSet> sets;
    std::vector<std::pair<std::string, int>> names;
    int groups = 0;
    bool first[128] = {};          // ASCII characters with which a match may begin
    bool any_first = false;        // a match may be empty
};

// Compiles a pattern in UTF-8. Throws std::invalid_argument where it uses what is not understood.
Program compiled(std::string_view written, bool ignore_case, bool dot_all);
// Sets `first` and `any_first`, by which a search passes over most of a text.
void mark_first_characters(Program& program);

class Pattern;

// One match; views into the text that was searched, which must outlive it.
class Match {
public:
    View string;
    std::size_t start() const { return static_cast<std::size_t>(places_[0]); }
    std::size_t end() const { return static_cast<std::size_t>(places_[1]); }
    View before() const { return string.substr(0, start()); }
    View rest() const { return string.substr(end()); }
    bool has(int group) const { return places_[static_cast<std::size_t>(2 * group)] >= 0; }
    bool has(std::string_view name) const { return has(number(name)); }
    // The group's text; empty where it took no part.
    View operator[](int group) const;
    View operator[](std::string_view name) const { return (*this)[number(name)]; }

private:
    friend class Pattern;
    const Program* program_ = nullptr;
    std::vector<std::ptrdiff_t> places_;
    int number(std::string_view name) const;
};

class Pattern {
public:
    explicit Pattern(std::string_view written, bool ignore_case = false, bool dot_all = false)
        : program_(compiled(written, ignore_case, dot_all)) {}

    std::optional<Match> match(View text, std::size_t at = 0) const;
    std::optional<Match> whole(View text) const;  // Python's fullmatch
    std::optional<Match> search(View text, std::size_t from = 0) const;
    std::vector<Match> all(View text) const;      // Python's finditer

    // Each match replaced by `words(match)`, or by `words`.
    template <class Words>
    Text sub(View text, const Words& words) const {
        Text out;
        std::size_t at = 0;
        for (const Match& m : all(text)) {
            out += text.substr(at, m.start() - at);
            if constexpr (std::is_convertible_v<Words, View>) out += View(words);
            else out += words(m);
            at = m.end();
        }
        out += text.substr(at);
        return out;
    }

private:
    Program program_;
    std::optional<Match> found(View text, std::size_t at, bool only_here, bool to_end, bool not_empty) const;
};

}  // namespace kokoro_npu::reading
