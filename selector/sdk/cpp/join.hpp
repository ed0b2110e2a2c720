// Chunks of sound -> one sound, without clicks and dead air: selector/speak/join.py in C++, sample for sample.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "words.hpp"

namespace kokoro_npu {

// Takes chunks and gives sound to play. It holds the silence behind the last chunk.
class Joiner {
public:
    using Samples = std::vector<float>;

    // The sound to play, and how many of its samples stand before the chunk's own first sample (negative: so many of
    // the chunk's first samples were left out).
    struct Joined {
        Samples samples;
        std::int64_t chunk_at = 0;
    };

    Joiner(double speed, std::int64_t sample_rate) : speed_(speed), rate_(sample_rate) {}

    // The gap to the chunk before and this chunk's speech; its silence is held until the next chunk.
    Joined push(const Samples& sound, Bound bound) {
        const auto [start, end] = speech(sound);
        const Samples quiet(sound.begin(), sound.begin() + start);
        Samples out;
        if (first_) {
            out = gap({}, quiet, std::min(start, seconds(lead)));
        } else {  // both guards are silence to the ear: the pause includes them
            out = gap(tail_, quiet, seconds(pause(bound_, speed_)) - 2 * guard());
        }
        const auto before = static_cast<std::int64_t>(out.size());
        out.insert(out.end(), sound.begin() + start, sound.begin() + end);
        tail_.assign(sound.begin() + end, sound.end());
        bound_ = bound;
        first_ = false;
        return {std::move(out), before - start};
    }

    // The silence behind the last chunk, faded out.
    Samples finish() {
        const Samples tail = std::exchange(tail_, {});
        first_ = true;
        return gap(tail, {}, std::min(static_cast<std::int64_t>(tail.size()), seconds(lead)));
    }

    // Seconds of silence behind a chunk that ends with this bound.
    static double pause(Bound bound, double speed) {
        constexpr double by_bound[] = {0.05, 0.06, 0.2, 0.4, 0.7};  // glue, word, clause, sentence, paragraph
        return std::max(0.05, by_bound[static_cast<std::size_t>(bound)] / speed);
    }

private:
    static constexpr double lead = 0.1;                                   // seconds kept at both ends
    static constexpr double below_peak = 0.005623413251903491;            // -45 dB of the loudest window: silence
    static constexpr double floor_level = 0.00031622776601683794;         // -70 dB of full scale: silence in any case
    double speed_;
    std::int64_t rate_;
    bool first_ = true;
    Samples tail_;
    Bound bound_ = Bound::paragraph;

    std::int64_t window() const { return rate_ / 200; }   // 5 ms
    std::int64_t fade() const { return rate_ / 100; }     // 10 ms
    std::int64_t declick() const { return rate_ / 400; }  // 2.5 ms
    std::int64_t guard() const { return rate_ / 50; }     // 20 ms
    // As Python rounds: halves to the even neighbour.
    std::int64_t seconds(double length) const {
        return static_cast<std::int64_t>(std::nearbyint(length * static_cast<double>(rate_)));
    }

    // RMS of whole 5 ms windows; the sum in the order in which numpy adds.
    std::vector<double> levels(const Samples& sound) const {
        const auto length = static_cast<std::size_t>(window());
        std::vector<double> out(sound.size() / length);
        for (std::size_t w = 0; w < out.size(); ++w) {
            double sums[8] = {};
            std::size_t i = 0;
            const float* at = sound.data() + w * length;
            for (; i + 8 <= length; i += 8)
                for (std::size_t k = 0; k < 8; ++k)
                    sums[k] += static_cast<double>(at[i + k]) * static_cast<double>(at[i + k]);
            double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
            for (; i < length; ++i) sum += static_cast<double>(at[i]) * static_cast<double>(at[i]);
            out[w] = std::sqrt(sum / static_cast<double>(length));
        }
        return out;
    }

    // The first sample of speech and the first behind it, guards included; declicked ends are never speech.
    std::pair<std::int64_t, std::int64_t> speech(const Samples& sound) const {
        const std::vector<double> level = levels(sound);
        const auto size = static_cast<std::int64_t>(sound.size());
        const double peak = level.empty() ? 0 : *std::max_element(level.begin(), level.end());
        const double threshold = std::max(floor_level, peak * below_peak);
        const auto loud = [&](double one) { return one >= threshold; };
        const auto first = std::find_if(level.begin(), level.end(), loud);
        if (first == level.end()) {
            const std::int64_t edge = std::min(declick(), size);
            return {edge, std::max(edge, size - declick())};
        }
        const auto last = std::find_if(level.rbegin(), level.rend(), loud);
        const std::int64_t edge = std::min(declick(), size / 2);
        return {std::max<std::int64_t>((first - level.begin()) * window() - guard(), edge),
                std::min<std::int64_t>((level.rend() - last) * window() + guard(), size - edge)};
    }

    // Equal power, from 0 up: its square and its mirror's square add up to 1.
    static float rising(std::int64_t at, std::int64_t length) {
        constexpr double quarter = 1.5707963267948966;
        if (length < 2) return 0;
        const double angle = at == length - 1 ? quarter : static_cast<double>(at) * (quarter / static_cast<double>(length - 1));
        return static_cast<float>(std::sin(angle));
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
        for (std::int64_t i = 0, n = std::min(a, fade()); i < a; ++i) {
            const float kept = tail[static_cast<std::size_t>(i)];
            out[static_cast<std::size_t>(i)] += i < a - n ? kept : kept * rising(a - 1 - i, n);
        }
        for (std::int64_t i = 0, n = std::min(b, fade()); i < b; ++i) {
            const float kept = head[head.size() - static_cast<std::size_t>(b - i)];
            out[static_cast<std::size_t>(length - b + i)] += i < n ? kept * rising(i, n) : kept;
        }
        return out;
    }
};

}  // namespace kokoro_npu
