// Which bucket for which text: the selector of a kokoro-npu package. C++17, header only, no dependencies.
//
//     kokoro_npu::Selector selector(text_of_manifest_json);
//     auto ids = selector.encode(phonemes);                               // pads included
//     const auto* bucket = selector.choose(selector.length(ids), "voice", 1.0);  // nullptr: split the text
//     ...                                                                 // run bert and duration at that bucket
//     bucket = selector.choose_sound(sum_of_frames_per_token, ids.size());  // run the sound stages at this one
//
// The same answers as the Python that wrote the manifest: all arithmetic is on whole numbers. Errors are
// std::invalid_argument. Immutable after construction, and safe to use from several threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.hpp"
#include "mix.hpp"

namespace kokoro_npu {

// One fixed size: how many tokens of text and frames of sound it holds, and its model files by stage.
struct Bucket {
    std::string name;                           // as in file names, such as 5s
    std::int64_t tokens = 0;                    // both pads included
    std::int64_t frames = 0;                    // 600 samples, 25 ms each
    std::map<std::string, std::string> models;  // stage -> file, relative to the package
};

class Selector {
public:
    // Reads what it needs from the text of manifest.json.
    explicit Selector(std::string_view manifest) {
        const detail::Json root = detail::Parser(manifest).whole();
        if (root["schema_version"].whole() != 1) detail::refuse("expected schema version 1");
        for (const auto& item : root["buckets"].items()) {
            Bucket bucket{item["name"].str(), item["tokens"].whole(), item["frames"].whole(), {}};
            if (bucket.tokens < 1 || bucket.tokens > largest || bucket.frames < 1 || bucket.frames > largest)
                detail::refuse("the size of bucket " + bucket.name);
            for (const auto& model : item["models"].entries()) bucket.models[model.first] = model.second.str();
            buckets_.push_back(std::move(bucket));
        }
        std::stable_sort(buckets_.begin(), buckets_.end(), [](const Bucket& a, const Bucket& b) { return a.frames < b.frames; });
        for (const auto& voice : root["selector"]["voices"].entries()) {
            Table table{voice.second["tokens"].wholes(), voice.second["speeds_milli"].wholes(), {}};
            for (const auto& row : voice.second["frames"].items()) table.frames.push_back(row.wholes());
            bool whole = table.frames.size() == table.speeds.size() && table.speeds.size() > 1 && table.tokens.size() > 1;
            for (const auto& row : table.frames) whole = whole && row.size() == table.tokens.size();
            if (!whole) detail::refuse("the table of voice " + voice.first + " has holes");
            if (!rises(table.tokens) || !rises(table.speeds)) detail::refuse("the table of voice " + voice.first + " is out of order");
            for (const auto& row : table.frames)
                for (const std::int64_t frames : row)
                    if (frames < 1 || frames > largest) detail::refuse("frames of voice " + voice.first);
            tables_.emplace(voice.first, std::move(table));
        }
        for (const auto& symbol : root["vocabulary"].entries())
            vocabulary_[symbol.first] = static_cast<std::int32_t>(symbol.second.whole());
        const auto marks = encode(root["selector"]["pause_marks"].str());
        pause_marks_.assign(marks.begin() + 1, marks.end() - 1);
        pause_tokens_ = root["selector"]["pause_tokens"].whole();
        if (pause_tokens_ < 0 || pause_tokens_ > largest) detail::refuse("expected the tokens of a pause");
    }

    // Whether there is a table for a voice.
    bool knows(const std::string& voice) const { return tables_.count(voice) > 0; }

    // Smallest first.
    const std::vector<Bucket>& buckets() const { return buckets_; }

    // Phonemes in UTF-8 to ids, a pad (0) at each end; symbols outside the vocabulary are left out.
    std::vector<std::int32_t> encode(std::string_view phonemes) const {
        std::vector<std::int32_t> ids{0};
        for (std::size_t at = 0; at < phonemes.size();) {
            const auto lead = static_cast<unsigned char>(phonemes[at]);
            const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
            const auto found = vocabulary_.find(std::string(phonemes.substr(at, length)));
            if (found != vocabulary_.end()) ids.push_back(found->second);
            at += length;
        }
        ids.push_back(0);
        return ids;
    }

    // The voices of a mix such as "a,b" or "a:0.7+b:0.3", and their weights; wherever a voice is asked for, it may be one.
    std::vector<MixPart> mix(const std::string& voice) const {
        return mix_parts(voice, [this](const std::string& name) { return tables_.count(name) > 0; });
    }

    // Frames that 99 % of texts of so many tokens (pads included) do not exceed, of a mix the greatest of its voices'; -1
    // beyond the table.
    std::int64_t expected_frames(std::int64_t tokens, const std::string& voice, double speed) const {
        std::int64_t most = 0;
        for (const MixPart& part : mix(voice)) {
            const std::int64_t frames = frames_of(tables_.at(part.name), tokens, speed);
            if (frames < 0) return -1;
            most = std::max(most, frames);
        }
        return most;
    }

    // How long a text is to choose(): its tokens (pads included), and more for each pause.
    std::int64_t length(const std::vector<std::int32_t>& ids) const {
        const auto pauses = [&](std::int32_t id) {
            return std::find(pause_marks_.begin(), pause_marks_.end(), id) != pause_marks_.end();
        };
        auto sum = static_cast<std::int64_t>(ids.size());
        for (std::size_t i = 0; i + 1 < ids.size(); ++i)
            if (pauses(ids[i]) && !pauses(ids[i + 1])) sum += pause_tokens_;
        return sum;
    }

    // The smallest bucket for a text of that length; nullptr: split the text.
    const Bucket* choose(std::int64_t tokens, const std::string& voice, double speed) const {
        const std::int64_t frames = expected_frames(tokens, voice, speed);
        return frames < 0 ? nullptr : choose_sound(frames, tokens);
    }

    // The smallest bucket that holds exactly so many frames of sound from so many tokens; nullptr: split the text.
    const Bucket* choose_sound(std::int64_t frames, std::int64_t tokens) const {
        for (const auto& bucket : buckets_)
            if (frames <= bucket.frames && tokens <= bucket.tokens) return &bucket;
        return nullptr;
    }

    // The greatest length() that choose() finds a bucket for: the limit of a chunk. 0 if none.
    std::int64_t most_tokens(const std::string& voice, double speed) const {
        return most_tokens(voice, speed, buckets_.size());
    }

    // The same with only the `count` smallest buckets.
    std::int64_t most_tokens(const std::string& voice, double speed, std::size_t count) const {
        std::int64_t low = 0, high = 0;
        for (std::size_t i = 0; i < count; ++i) high = std::max(high, buckets_[i].tokens);
        while (low < high) {
            const std::int64_t middle = (low + high + 1) / 2;
            const Bucket* bucket = choose(middle, voice, speed);
            if (bucket == nullptr || bucket >= buckets_.data() + count)
                high = middle - 1;
            else
                low = middle;
        }
        return low;
    }

private:
    static constexpr std::int64_t largest = 1000000;  // of any size: products of three stay whole numbers

    static bool rises(const std::vector<std::int64_t>& knots) {
        for (std::size_t i = 1; i < knots.size(); ++i)
            if (knots[i] <= knots[i - 1]) return false;
        return knots.front() > 0 && knots.back() <= largest;
    }

    struct Table {
        std::vector<std::int64_t> tokens, speeds;
        std::vector<std::vector<std::int64_t>> frames;
    };
    std::vector<Bucket> buckets_;
    std::map<std::string, Table> tables_;
    std::map<std::string, std::int32_t> vocabulary_;
    std::vector<std::int32_t> pause_marks_;
    std::int64_t pause_tokens_ = 0;

    static std::int64_t frames_of(const Table& table, std::int64_t tokens, double speed) {
        const auto &ts = table.tokens, &ss = table.speeds;
        const double scaled = speed * 1000;
        if (!(scaled >= static_cast<double>(ss.front()) && scaled <= static_cast<double>(ss.back())))
            throw std::invalid_argument("speed: outside the voice's table");
        if (tokens < 1) throw std::invalid_argument("tokens: expected at least 1");
        if (tokens > ts.back()) return -1;
        const auto milli = static_cast<std::int64_t>(scaled);
        const std::int64_t n = std::max(tokens, ts.front());
        const std::size_t i = place(ts, n), j = place(ss, milli);
        const auto row = [&](std::size_t k) {
            return table.frames[k][i] * (ts[i + 1] - n) + table.frames[k][i + 1] * (n - ts[i]);
        };
        const std::int64_t total = row(j) * (ss[j + 1] - milli) + row(j + 1) * (milli - ss[j]);
        const std::int64_t scale = (ts[i + 1] - ts[i]) * (ss[j + 1] - ss[j]);
        return (total + scale - 1) / scale;
    }

    static std::size_t place(const std::vector<std::int64_t>& knots, std::int64_t value) {
        std::size_t i = 0;
        while (i + 2 < knots.size() && knots[i + 1] <= value) ++i;
        return i;
    }
};

}  // namespace kokoro_npu
