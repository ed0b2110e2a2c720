// Text of any length -> chunks that fit a bucket. C++17, header only; with words.hpp and kokoro_npu.hpp beside it.
//
//     const auto limit = selector.most_tokens(voice, speed) - 2;  // phonemes
//     kokoro_npu::Splitter chunks(text, [&](std::string_view piece) { return count_phonemes(piece); }, limit);
//     while (const auto chunk = chunks.next()) speak(chunk->text);
//
// The same chunks as Python's: at sentence, then clause, then word bounds, balanced, without orphans, never inside a
// word, abbreviations and numbers respected; a text that fits is one chunk. Text is UTF-8; a byte that is not is a
// space. What the numbers are for: selector/text/chunk.py; the shared vectors compare. Errors are std::invalid_argument.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "words.hpp"

namespace kokoro_npu {

// A piece of text to speak at once. `phonemes` are counted over its parts and the spaces between them; more than the
// limit only for one word that is longer by itself. `bound` is what ends behind it.
struct Chunk {
    std::string text;
    std::int64_t phonemes = 0;
    std::int64_t words = 0;
    Bound bound = Bound::paragraph;
};

// Every word of the text is in exactly one chunk. The first does not wait for the last: text is read and counted as
// far as the next chunks need. For one thread at a time.
class Splitter {
public:
    // Phonemes of a piece of text, spaces and punctuation included.
    using Count = std::function<std::int64_t(std::string_view)>;

    // limit: phonemes a chunk. first_limit: fewer for the first chunk of a text that is split anyway, so that sound
    // starts early; 0 is none.
    Splitter(std::string text, Count count, std::int64_t limit, std::int64_t first_limit = 0)
        : words_(std::move(text)), count_(std::move(count)), limit_(std::min(limit, most)) {
        if (limit < 1) throw std::invalid_argument("chunk limit: expected at least 1 phoneme");
        first_ = first_limit == 0 ? limit_ : std::clamp<std::int64_t>(first_limit, 1, limit_);
        ceiling_ = first_;
        Run head;
        std::int64_t phonemes = -1;
        for (Run run = sentence(); !run.empty(); run = phonemes > limit_ ? Run() : sentence()) {
            phonemes += size(run) + 1;
            head.insert(head.end(), run.begin(), run.end());
        }
        if (head.empty()) throw std::invalid_argument("text: expected at least one word");
        if (phonemes > limit_)
            head_.assign(head.begin(), head.end());
        else
            ready_.push_back(joined({Atom{head, phonemes}}));
    }

    // The next chunk; nothing at the end.
    std::optional<Chunk> next() {
        while (ready_.empty()) {
            if (atoms_.empty()) {
                if (const Run run = sentence(); !run.empty())
                    pieces(run, std::exchange(ceiling_, limit_), Bound::clause);
                else if (!block_.empty())
                    make_ready(grouped(std::exchange(block_, {}), first_, true));
                else
                    return std::nullopt;
                continue;
            }
            block_size_ += atoms_.front().phonemes + 1;
            block_.push_back(std::move(atoms_.front()));
            atoms_.pop_front();
            if (block_size_ < block * limit_) continue;
            auto groups = grouped(block_, first_, false);
            block_ = std::move(groups.back());  // may still grow
            groups.pop_back();
            block_size_ = 0;
            for (const auto& atom : block_) block_size_ += atom.phonemes + 1;
            make_ready(std::move(groups));
        }
        Chunk chunk = std::move(ready_.front());
        ready_.pop_front();
        return chunk;
    }

private:
    using Run = std::vector<detail::Word>;
    // The largest piece that is not cut for its own sake.
    struct Atom {
        Run run;
        std::int64_t phonemes = 0;
        Bound bound() const { return run.back().bound; }
    };
    using Group = std::vector<Atom>;

    static constexpr std::int64_t most = std::int64_t{1} << 40;  // no text is longer
    static constexpr std::int64_t one = 1000000;                 // costs are in millionths
    static constexpr std::array<std::int64_t, 5> cut_cost{4 * one, one * 3 / 2, one * 6 / 10, one / 10, 0};  // by bound
    static constexpr std::int64_t chunk_cost = one / 2, across_paragraph_cost = one * 4 / 10, orphan_cost = 3 * one;
    static constexpr std::int64_t orphan_words = 2, block = 5, small = 20, surely_long = 20;

    detail::Words words_;
    Count count_;
    std::int64_t limit_, first_ = 0, ceiling_ = 0, block_size_ = 0;
    std::deque<detail::Word> head_;  // read already, to see whether the text fits
    std::deque<Atom> atoms_;
    Group block_;
    std::deque<Chunk> ready_;

    Run sentence() {
        Run run;
        while (run.empty() || run.back().bound < Bound::sentence) {
            if (!head_.empty()) {
                run.push_back(std::move(head_.front()));
                head_.pop_front();
            } else if (auto word = words_.next()) {
                run.push_back(std::move(*word));
            } else {
                break;
            }
        }
        return run;
    }

    static std::string text_of(const Run& run) {
        std::string text;
        for (const auto& word : run) text += (text.empty() ? "" : " ") + word.text;
        return text;
    }

    // Phonemes of words said together; of what is surely too long, more than the limit.
    std::int64_t size(const Run& run, std::int64_t limit) const {
        std::int64_t length = -1;
        for (const auto& word : run) length += word.length + 1;
        return length <= surely_long * limit || run.size() == 1 ? count_(text_of(run)) : limit + 1;
    }
    std::int64_t size(const Run& run) const { return size(run, limit_); }

    // `run` whole where it fits, else its parts at bounds of `cut_at`, and so on down to single words.
    void pieces(const Run& run, std::int64_t limit, Bound cut_at) {
        const std::int64_t phonemes = size(run, limit);
        if (phonemes <= limit || run.size() == 1) {
            atoms_.push_back({run, phonemes});
            return;
        }
        const Bound finer = cut_at == Bound::clause ? Bound::word : Bound::glue;
        const std::int64_t least = cut_at == Bound::word ? limit / small : 0;
        Run part;
        std::int64_t length = 0;
        for (const auto& word : run) {
            part.push_back(word);
            length += word.length + 1;
            if (word.bound >= cut_at && length > least) {
                length = 0;
                pieces(part, limit, finer);
                part.clear();
            }
        }
        if (!part.empty()) pieces(part, limit, finer);
    }

    // The cheapest cut of atoms into groups; where not `final`, the last group may still grow and costs nothing.
    std::vector<Group> grouped(const Group& atoms, std::int64_t first, bool final) const {
        const std::size_t n = atoms.size();
        struct Best {
            std::int64_t cost;
            std::size_t start;  // of the last group
        };
        std::vector<Best> best(n + 1, {std::numeric_limits<std::int64_t>::max(), 0});
        best[0].cost = 0;
        for (std::size_t start = 0; start < n; ++start) {
            std::int64_t length = -1, spoken = 0, across = 0;
            const std::int64_t ceiling = start == 0 ? first : limit_;
            const bool own_paragraph = start == 0 || atoms[start - 1].bound() == Bound::paragraph;
            for (std::size_t end = start + 1; end <= n; ++end) {
                const Atom& atom = atoms[end - 1];
                length += atom.phonemes + 1;
                spoken += static_cast<std::int64_t>(atom.run.size());
                if (length > ceiling && end > start + 1) break;
                std::int64_t cost = best[start].cost + across_paragraph_cost * across;
                if (final || end < n) {
                    const std::int64_t spare = 1000 * std::max<std::int64_t>(0, ceiling - length) / ceiling;
                    const bool heading = own_paragraph && atom.bound() == Bound::paragraph;
                    cost += chunk_cost + spare * spare;
                    if (end < n) cost += cut_cost[static_cast<std::size_t>(atom.bound())];
                    if (spoken <= orphan_words && !heading) cost += orphan_cost;
                }
                if (cost < best[end].cost) best[end] = {cost, start};
                across += atom.bound() == Bound::paragraph ? 1 : 0;
            }
        }
        std::vector<Group> groups;
        for (std::size_t end = n; end > 0; end = best[end].start) {
            const auto at = [&](std::size_t i) { return atoms.begin() + static_cast<std::ptrdiff_t>(i); };
            groups.emplace_back(at(best[end].start), at(end));
        }
        std::reverse(groups.begin(), groups.end());
        return groups;
    }

    // Where an orphan is left beside a piece that was not cut, the two are cut anew between words.
    std::vector<Group> mended(std::vector<Group> groups) const {
        std::vector<Group> out;
        for (auto& group : groups) {
            out.push_back(std::move(group));
            if (out.size() < 2) continue;
            const Group &before = out[out.size() - 2], &after = out.back();
            if (before.back().bound() >= Bound::sentence) continue;
            if (std::min(spoken(before), spoken(after)) > orphan_words) continue;
            Group single;
            for (const Group* side : {&before, &after})
                for (const Atom& atom : *side)
                    for (const auto& word : atom.run) single.push_back({{word}, count_(word.text)});
            auto anew = grouped(single, out.size() == 2 ? first_ : limit_, true);
            out.resize(out.size() - 2);
            std::move(anew.begin(), anew.end(), std::back_inserter(out));
        }
        return out;
    }

    static std::int64_t spoken(const Group& group) {
        std::int64_t words = 0;
        for (const auto& atom : group) words += static_cast<std::int64_t>(atom.run.size());
        return words;
    }
    static Chunk joined(const Group& group) {
        Chunk chunk{{}, -1, spoken(group), group.back().bound()};
        for (const auto& atom : group) {
            chunk.text += (chunk.text.empty() ? "" : " ") + text_of(atom.run);
            chunk.phonemes += atom.phonemes + 1;
        }
        return chunk;
    }
    void make_ready(std::vector<Group> groups) {
        for (const auto& group : mended(std::move(groups))) {
            ready_.push_back(joined(group));
            first_ = limit_;
        }
    }
};

}  // namespace kokoro_npu
