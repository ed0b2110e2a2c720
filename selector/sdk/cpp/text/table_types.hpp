// What tables.inc and characters.inc are made of, and how the rules look words up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "letters.hpp"
#include "pattern.hpp"
#include "utf8.hpp"

namespace kokoro_npu::reading {

using detail::Span;

struct Written {  // a pattern; flags: 1 ignores case, 2 lets a dot match line ends
    std::string_view pattern;
    int flags;
};
struct Pair {
    std::string_view key, value;
};
struct Currency {
    std::string_view sign, one, many, cent, cents;
};
struct Span3 {
    char32_t a, b, c;
};
struct Mapped {
    char32_t first, last, step, target;
};
struct Spelled {
    char32_t c;
    std::string_view text;
};
struct Numbered {
    char32_t number, c;
};

inline Pattern pattern(const Written& written) {
    return Pattern(written.pattern, (written.flags & 1) != 0, (written.flags & 2) != 0);
}

// Words by what stands for them.
class WordTable {
public:
    template <std::size_t N>
    explicit WordTable(const Pair (&pairs)[N]) {
        for (const Pair& pair : pairs) words_.insert_or_assign(decoded(pair.key), decoded(pair.value));
    }
    const Text* find(View key) const {
        const auto found = words_.find(key);
        return found == words_.end() ? nullptr : &found->second;
    }
    // Empty where there is none.
    View at(View key) const {
        const Text* found = find(key);
        return found == nullptr ? View{} : View{*found};
    }

private:
    std::map<Text, Text, std::less<>> words_;
};

class WordSet {
public:
    template <std::size_t N>
    explicit WordSet(const std::string_view (&words)[N]) {
        for (const std::string_view word : words) words_.insert(decoded(word));
    }
    bool has(View word) const { return words_.find(word) != words_.end(); }

private:
    std::set<Text, std::less<>> words_;
};

}  // namespace kokoro_npu::reading
