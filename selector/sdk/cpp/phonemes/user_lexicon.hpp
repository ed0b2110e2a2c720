// An app's own words and how to say them, before every other rule: the same files as Python's `--lexicon`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "error.hpp"
#include "phonemes/characters_of_words.hpp"

namespace kokoro_npu {

// One entry per line: a word, or several in quotes; white space; then phonemes between slashes, or other words. `#` begins
// a comment. An entry with a capital letter holds for that spelling only.
//
//     SQL         sequel
//     "New York"  /nˌu jˈɔɹk/
class UserLexicon {
public:
    UserLexicon() = default;

    // Throws Error(text): a line is no entry.
    explicit UserLexicon(std::string_view text) {
        if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
        for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            add(detail::trimmed(text.substr(at, end - at)), number);
            at = end + 1;
        }
        for (const auto& entry : entries_) words_.push_back(entry.first);
        std::stable_sort(words_.begin(), words_.end(),
                         [](const std::u32string& a, const std::u32string& b) { return a.size() > b.size(); });
    }

    // The text with the entries' words replaced, pronunciations as `[word](/phonemes/)`; what stands in that form already
    // stays. Of entries that begin at one place the longest counts.
    std::string apply(const std::string& text) const {
        if (words_.empty()) return text;
        const std::u32string all = code_points(text);
        std::u32string out;
        for (std::size_t i = 0; i < all.size();) {
            const std::size_t given = detail::given_length(all, i);
            if (given > 0) {
                out.append(all, i, given);
                i += given;
                continue;
            }
            const auto found = std::find_if(words_.begin(), words_.end(),
                                            [&](const std::u32string& word) { return stands_at(all, i, word); });
            if (found == words_.end()) {
                out += all[i++];
                continue;
            }
            out += entries_.at(*found);
            i += found->size();
        }
        return detail::utf8_of(out);
    }

private:
    std::map<std::u32string, std::u32string> entries_;
    std::vector<std::u32string> words_;  // the longest first

    static bool stands_at(const std::u32string& all, std::size_t at, const std::u32string& word) {
        if (at + word.size() > all.size() || (at > 0 && detail::word_like(all[at - 1]))) return false;
        if (at + word.size() < all.size() && detail::word_like(all[at + word.size()])) return false;
        const bool any_case = word == detail::lowered(word);
        for (std::size_t i = 0; i < word.size(); ++i)
            if ((any_case ? detail::lowered(all[at + i]) : all[at + i]) != word[i]) return false;
        return true;
    }

    // A form of one word: spaces inside it are "␣" while a text is split.
    static std::string joined(std::string_view words) {
        std::string out;
        for (const std::string& word : detail::split_words(words)) out += (out.empty() ? "" : "␣") + word;
        return out;
    }

    void add(std::string_view line, std::size_t number) {
        if (line.empty() || line[0] == '#') return;
        const bool quoted = line[0] == '"';
        const std::size_t end = quoted ? line.find('"', 1) : line.find_first_of(" \t");
        if (end == std::string_view::npos || (quoted && end == 1)) return refuse(line, number);
        const std::string_view word = quoted ? line.substr(1, end - 1) : line.substr(0, end);
        std::string_view rest = line.substr(end + (quoted ? 1 : 0));
        if (rest.empty() || (rest[0] != ' ' && rest[0] != '\t')) return refuse(line, number);
        rest = detail::trimmed(rest);
        std::string said;
        if (!rest.empty() && rest[0] == '/') {
            const std::size_t close = rest.find('/', 1);
            if (close == std::string_view::npos || close == 1) return refuse(line, number);
            const std::string_view behind = detail::trimmed(rest.substr(close + 1));
            if (!behind.empty() && behind[0] != '#') return refuse(line, number);
            said = "[" + joined(word) + "](/" + joined(rest.substr(1, close - 1)) + "/)";
        } else {
            said = detail::trimmed(rest.substr(0, rest.find('#')));
            if (said.empty()) return refuse(line, number);
        }
        entries_[code_points(word)] = code_points(said);
    }
    [[noreturn]] static void refuse(std::string_view line, std::size_t number) {
        throw Error(Fault::text, "lexicon, line " + std::to_string(number), "a word, then /phonemes/ or other words",
                    "'" + std::string(line.substr(0, 60)) + "'", "Write it as `SQL sequel` or `Kokoro /kˈOkəɹO/`.");
    }
};

}  // namespace kokoro_npu
