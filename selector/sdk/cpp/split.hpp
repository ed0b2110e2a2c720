// Text of any length -> chunks that fit a bucket. C++17, header only; with words.hpp and kokoro_npu.hpp beside it.
//
//     const auto limit = selector.most_tokens(voice, speed) - 2;  // phonemes
//     kokoro_npu::Splitter chunks(text, [&](std::string_view piece) { return count_phonemes(piece); }, limit);
//     while (const auto chunk = chunks.next()) speak(chunk->text);
//
// The same chunks as Python's: at sentence, then clause, then word bounds, balanced, without orphans, never inside a
// word, abbreviations and numbers respected; a paragraph or line that fits is one chunk. Text is UTF-8; a byte that is not is a
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
        begin(first_limit == 0 ? limit_ : std::clamp<std::int64_t>(first_limit, 1, limit_));
        if (ready_.empty() && !open_) throw std::invalid_argument("text: expected at least one word");
    }

    // The next chunk; nothing at the end.
    std::optional<Chunk> next() {
        while (ready_.empty()) {
            if (atoms_.empty()) {
                if (open_) {
                    const Run run = sentence();
                    open_ = !run.back().ends_chunk;
                    pieces(run, std::exchange(ceiling_, limit_), static_cast<int>(Bound::clause));
                } else if (!block_.empty()) {
                    block_size_ = 0;
                    make_ready(grouped(std::exchange(block_, {}), first_, true));
                } else {
                    begin(limit_);
                    if (ready_.empty() && !open_) return std::nullopt;
                }
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
        std::int64_t space() const { return run.back().spaced ? 1 : 0; }  // phonemes of the space behind it
    };
    using Group = std::vector<Atom>;

    static constexpr std::int64_t most = std::int64_t{1} << 40;  // no text is longer
    static constexpr std::int64_t one = 1000000;                 // costs are in millionths
    // By bound, `inside` first.
    static constexpr std::array<std::int64_t, 6> cut_cost{2 * one, 4 * one, one * 3 / 2, one * 6 / 10, one / 10, 0};
    static constexpr std::int64_t chunk_cost = one / 2, orphan_cost = 3 * one;
    static constexpr int single = static_cast<int>(Bound::inside) - 1;  // below all bounds: each word for itself
    static constexpr std::int64_t orphan_words = 2, block = 5, small = 20, surely_long = 20;

    detail::Words words_;
    Count count_;
    std::int64_t limit_, first_ = 0, ceiling_ = 0, block_size_ = 0;
    bool open_ = false;              // whether there is more of what did not fit
    std::deque<detail::Word> head_;  // read already, to see whether it fits
    std::deque<Atom> atoms_;
    Group block_;
    std::deque<Chunk> ready_;

    // A paragraph, or a line of it: whole where it fits, else opened, with a limit for its first chunk.
    void begin(std::int64_t first) {
        first_ = ceiling_ = first;
        Run head;
        std::int64_t phonemes = 0, space = 0;
        do {
            const Run run = sentence();
            if (run.empty()) return;  // the end of the text
            phonemes += size(run, limit_) + space;
            space = run.back().spaced ? 1 : 0;
            head.insert(head.end(), run.begin(), run.end());
        } while (phonemes <= limit_ && !head.back().ends_chunk);
        open_ = phonemes > limit_;
        if (open_)
            head_.assign(head.begin(), head.end());
        else
            ready_.push_back(joined({Atom{head, phonemes}}));
    }

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

    static std::string text_of(const Run& run) { return detail::joined_text(run.begin(), run.end()); }

    // Phonemes of words said together; of what is surely too long, more than the limit.
    std::int64_t size(const Run& run, std::int64_t limit) const {
        std::int64_t length = run.back().spaced ? -1 : 0;
        for (const auto& word : run) length += word.length + (word.spaced ? 1 : 0);
        return length <= surely_long * limit || run.size() == 1 ? count_(text_of(run)) : limit + 1;
    }

    // `run` whole where it fits, else its parts at bounds of `cut_at`, and so on down to `single` words.
    void pieces(const Run& run, std::int64_t limit, int cut_at) {
        const std::int64_t phonemes = size(run, limit);
        if (phonemes <= limit || run.size() == 1) {
            atoms_.push_back({run, phonemes});
            return;
        }
        const int finer = std::max(cut_at - 1, single);
        const bool small_parts = cut_at == static_cast<int>(Bound::word) || cut_at == static_cast<int>(Bound::inside);
        const std::int64_t least = small_parts ? limit / small : 0;
        Run part;
        std::int64_t length = 0;
        for (const auto& word : run) {
            part.push_back(word);
            length += word.length + (word.spaced ? 1 : 0);
            if (static_cast<int>(word.bound) >= cut_at && length > least) {
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
            std::int64_t length = 0, spoken = 0, space = 0;
            const std::int64_t ceiling = start == 0 ? first : limit_;
            for (std::size_t end = start + 1; end <= n; ++end) {
                const Atom& atom = atoms[end - 1];
                length += atom.phonemes + space;
                space = atom.space();
                spoken += static_cast<std::int64_t>(atom.run.size());
                if (length > ceiling && end > start + 1) break;
                std::int64_t cost = best[start].cost;
                if (final || end < n) {
                    const std::int64_t spare = 1000 * std::max<std::int64_t>(0, ceiling - length) / ceiling;
                    cost += chunk_cost + spare * spare;
                    if (end < n) cost += cut_cost[static_cast<std::size_t>(static_cast<int>(atom.bound()) + 1)];
                    if (spoken <= orphan_words) cost += orphan_cost;
                }
                if (cost < best[end].cost) best[end] = {cost, start};
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
            Group words;
            for (const Group* side : {&before, &after})
                for (const Atom& atom : *side)
                    for (const auto& word : atom.run) words.push_back({{word}, count_(word.text)});
            auto anew = grouped(words, out.size() == 2 ? first_ : limit_, true);
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
        Chunk chunk{{}, 0, spoken(group), group.back().bound()};
        std::int64_t space = 0;
        for (const auto& atom : group) {
            chunk.text += (space > 0 ? " " : "") + text_of(atom.run);
            chunk.phonemes += atom.phonemes + space;
            space = atom.space();
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
