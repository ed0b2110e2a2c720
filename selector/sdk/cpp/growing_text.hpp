// A text that grows: gives its complete sentences, and keeps the rest.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "words.hpp"

namespace kokoro_npu {

class GrowingText {
public:
    // Sentences, and what ends behind the last of them; an empty text: none is complete.
    struct Complete {
        std::string text;
        Bound ends = Bound::sentence;
    };

    Complete push(const std::string& piece) {
        rest_ += piece;
        const auto last_space = rest_.find_last_of(" \n\t\r");
        if (last_space == std::string::npos) return {};
        // The word behind the last space may still grow, and so may the space before it.
        std::vector<detail::Word> words;
        detail::Words reader(rest_.substr(0, last_space));
        while (auto word = reader.next()) words.push_back(std::move(*word));
        std::size_t end = 0;
        for (std::size_t i = 0; i + 1 < words.size(); ++i)
            if (words[i].bound >= Bound::sentence) end = i + 1;
        if (end == 0) return {};
        Complete complete{joined(words, 0, end), words[end - 1].bound};
        const std::string tail = rest_.substr(rest_.find_last_not_of(" \n\t\r", last_space) + 1);
        rest_ = joined(words, end, words.size()) + tail;
        return complete;
    }

    // The rest, complete or not.
    std::string flush() { return std::exchange(rest_, {}); }

private:
    std::string rest_;

    // Paragraphs stay apart; the last word's own bound is not known yet.
    static std::string joined(const std::vector<detail::Word>& words, std::size_t from, std::size_t to) {
        std::string out;
        for (std::size_t i = from; i < to; ++i) {
            out += words[i].text;
            if (i + 1 < to)
                out += words[i].bound == Bound::paragraph ? "\n\n" : words[i].ends_chunk ? "\n" : words[i].spaced ? " " : "";
        }
        return out;
    }
};

}  // namespace kokoro_npu
