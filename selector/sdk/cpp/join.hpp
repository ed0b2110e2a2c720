// Chunks of sound -> one sound, without clicks and dead air: selector/speak/join.py in C++, sample for sample.
//
//     kokoro_npu::Joiner joiner(speed, sample_rate);
//     play(joiner.push(sound, bound, kokoro_npu::phonemes_at(phonemes, frames_per_token, 600)).samples);
//     play(joiner.finish());
//
// It holds one chunk at a time. What the numbers are for: selector/speak/join.py; the shared vectors compare.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "words.hpp"

namespace kokoro_npu {

// Where a chunk's phonemes are in its sound, by the durations: the first sample of the first phoneme, and the first
// behind the last one. Spaces, punctuation and pads are no phonemes. `known` is false where there are none.
struct PhonemeSpan {
    std::int64_t first = 0, last = 0;
    bool known = false;
};

// `phonemes`: symbols that have an id; `frames`: of each, with one pad at each end.
inline PhonemeSpan phonemes_at(std::u32string_view phonemes, const std::vector<std::int64_t>& frames,
                               std::int64_t samples_per_frame) {
    constexpr std::u32string_view silent = U" .,!?;:…—\"“”()";
    PhonemeSpan span;
    std::int64_t at = frames.at(0);
    for (std::size_t i = 0; i < phonemes.size(); ++i) {
        const bool sounds = silent.find(phonemes[i]) == std::u32string_view::npos;
        if (sounds && !span.known) span = {at * samples_per_frame, 0, true};
        at += frames.at(i + 1);
        if (sounds) span.last = at * samples_per_frame;
    }
    return span;
}

class Joiner {
public:
    using Samples = std::vector<float>;

    // The sound to play, and how many of its samples precede the chunk's own first sample (negative: so many of the
    // chunk's first samples were left out).
    struct Joined {
        Samples samples;
        std::int64_t chunk_at = 0;
    };

    Joiner(double speed, std::int64_t sample_rate) : speed_(speed), rate_(sample_rate) {}

    // Sets the pause before the next chunk, at any speed, in place of its bound's; several add up.
    void rest(double seconds) { rest_ = seconds + rest_.value_or(0); }

    // The gap to the chunk before and this chunk's speech; its silence is held until the next chunk.
    Joined push(const Samples& sound, Bound bound, PhonemeSpan phonemes = {}) {
        const auto [start, end] = speech(sound, phonemes);
        const Samples quiet(sound.begin(), sound.begin() + start);
        // Both guards are silence to the ear: the pause includes them.
        const double wanted = rest_ ? std::max(shortest, *rest_) : pause(bound_, speed_);
        Joined out{held_ ? gap(tail_, quiet, samples_of(wanted) - 2 * guard())
                         : gap({}, quiet, std::min(start, samples_of(lead))),
                   0};
        if (!held_) out.samples.insert(out.samples.begin(), silence_of_rest(), 0.0F);
        rest_.reset();
        out.chunk_at = static_cast<std::int64_t>(out.samples.size()) - start;
        out.samples.insert(out.samples.end(), sound.begin() + start, sound.begin() + end);
        tail_.assign(sound.begin() + end, sound.end());
        bound_ = bound;
        held_ = true;
        return out;
    }

    // The silence behind the last chunk, faded out.
    Samples finish() {
        const Samples tail = std::exchange(tail_, {});
        held_ = false;
        Samples end = gap(tail, {}, std::min(static_cast<std::int64_t>(tail.size()), samples_of(lead)));
        end.resize(end.size() + silence_of_rest());
        return end;
    }

    // Seconds of silence behind a chunk that ends with this bound.
    static double pause(Bound bound, double speed) {
        switch (bound) {
            case Bound::paragraph: return std::max(shortest, 0.7 / speed);
            case Bound::sentence: return std::max(shortest, 0.4 / speed);
            case Bound::clause: return std::max(shortest, 0.2 / speed);
            case Bound::word: return std::max(shortest, 0.06 / speed);
            case Bound::glue:
            case Bound::inside: break;
        }
        return std::max(shortest, 0.05 / speed);
    }

    // The first sample of speech and the first behind it, guards included. Where the durations say that a phoneme is,
    // only digital silence is none; elsewhere, what is well below the loudest. Declicked ends are never speech.
    std::pair<std::int64_t, std::int64_t> speech(const Samples& sound, PhonemeSpan phonemes = {}) const {
        const std::vector<double> level = levels(sound);
        const double peak = level.empty() ? 0 : *std::max_element(level.begin(), level.end());
        const double threshold = std::max(silence, peak * below_peak);
        const auto size = static_cast<std::int64_t>(sound.size());
        const std::int64_t first = phonemes.first / window(), last = (phonemes.last + window() - 1) / window();
        std::int64_t loud_first = -1, loud_last = -1;
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(level.size()); ++i) {
            const bool spoken = phonemes.known && i >= first && i < last;
            if (level[static_cast<std::size_t>(i)] < (spoken ? silence : threshold)) continue;
            if (loud_first < 0) loud_first = i;
            loud_last = i;
        }
        if (loud_first < 0) {
            const std::int64_t edge = std::min(declick(), size);
            return {edge, std::max(edge, size - declick())};
        }
        const std::int64_t edge = std::min(declick(), size / 2);
        return {std::max(loud_first * window() - guard(), edge),
                std::min((loud_last + 1) * window() + guard(), size - edge)};
    }

private:
    static constexpr double lead = 0.1, shortest = 0.05;           // seconds
    static constexpr double below_peak = 0.005623413251903491;     // -45 dB of the loudest window
    static constexpr double silence = 0.00031622776601683794;      // -70 dB of full scale
    double speed_;
    std::int64_t rate_;
    bool held_ = false;  // whether there is a chunk before
    Samples tail_;
    Bound bound_ = Bound::paragraph;
    std::optional<double> rest_;  // seconds

    std::size_t silence_of_rest() const { return static_cast<std::size_t>(samples_of(rest_.value_or(0))); }

    std::int64_t window() const { return rate_ / 200; }   // 5 ms
    std::int64_t fade() const { return rate_ / 100; }     // 10 ms
    std::int64_t declick() const { return rate_ / 400; }  // 2.5 ms
    std::int64_t guard() const { return rate_ / 50; }     // 20 ms
    // As Python rounds: halves to the even neighbor.
    std::int64_t samples_of(double seconds) const {
        return static_cast<std::int64_t>(std::nearbyint(seconds * static_cast<double>(rate_)));
    }

    // RMS of whole 5 ms windows.
    std::vector<double> levels(const Samples& sound) const {
        const auto length = static_cast<std::size_t>(window());
        std::vector<double> out(sound.size() / length);
        for (std::size_t w = 0; w < out.size(); ++w) {
            double sums[8] = {};  // numpy adds in eight strands
            std::size_t i = 0;
            for (; i < length; ++i) {
                const auto sample = static_cast<double>(sound[w * length + i]);
                sums[i % 8] += sample * sample;
            }
            const double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
            out[w] = std::sqrt(sum / static_cast<double>(length));
        }
        return out;
    }

    // Equal power, from 0 up: its square and its mirror's square add up to 1.
    static float rising(std::int64_t at, std::int64_t length) {
        constexpr double quarter = 1.5707963267948966;
        if (length < 2) return 0;
        const double step = quarter / static_cast<double>(length - 1);
        return static_cast<float>(std::sin(at == length - 1 ? quarter : static_cast<double>(at) * step));
    }

    // The sound between two speeches, `length` samples: silence `tail` fading into silence `head`.
    Samples gap(const Samples& tail, const Samples& head, std::int64_t length) const {
        Samples out(static_cast<std::size_t>(length));
        auto a = static_cast<std::int64_t>(tail.size()), b = static_cast<std::int64_t>(head.size());
        if (a + b - length - fade() > 0) {  // enough silence of their own: overlap by a fade
            a = std::min(a, std::max(length + fade() - b, (length + fade()) / 2));
            b = length + fade() - a;
        }
        a = std::min(a, length);
        b = std::min(b, length);
        for (std::int64_t i = 0; i < a; ++i) {
            const std::int64_t left = a - 1 - i, faded = std::min(a, fade());
            const float kept = tail[static_cast<std::size_t>(i)];
            out[static_cast<std::size_t>(i)] += left < faded ? kept * rising(left, faded) : kept;
        }
        for (std::int64_t i = 0; i < b; ++i) {
            const std::int64_t faded = std::min(b, fade());
            const float kept = head[head.size() - static_cast<std::size_t>(b - i)];
            out[static_cast<std::size_t>(length - b + i)] += i < faded ? kept * rising(i, faded) : kept;
        }
        return out;
    }
};

}  // namespace kokoro_npu
