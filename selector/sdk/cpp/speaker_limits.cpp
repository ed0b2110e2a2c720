// How long a speaker's chunks may be.
#include <algorithm>

#include "speaker.hpp"

namespace kokoro_npu {
namespace {

constexpr std::int64_t longest_frames = 400, first_frames = 120;  // 10 s and 3 s: selector/choose/chunk_limits.py

}  // namespace

bool Speaker::free_lengths() const { return chain_.dynamic(package_.selector().buckets().front()); }

// With fixed buckets, the largest and the smallest one decide; at free lengths, 10 s and 3 s of sound, as
// selector/choose/chunk_limits.py says.
Speaker::ChunkLimits Speaker::chunk_limits() const {
    const auto& buckets = package_.selector().buckets();
    ChunkLimits limits{package_.manifest().max_phonemes, package_.manifest().max_phonemes};
    if (free_lengths()) {
        const std::int64_t tokens = package_.manifest().max_phonemes + pads;
        limits = {most_phonemes(tokens, longest_frames), most_phonemes(tokens, first_frames)};
    } else {
        for (const std::string& part : settings_.voice.parts) {  // of a mix, what its slowest voice takes
            const auto most = [&](std::size_t count) {
                return package_.selector().most_tokens(part, settings_.speed, count) - pads;
            };
            limits = {std::min(limits.most, most(buckets.size())), std::min(limits.first, most(1))};
        }
    }
    limits.first = std::max<std::int64_t>(limits.first, 1);
    return limits;
}

// The most phonemes of which so many tokens, and 99 % of texts in so many frames, hold.
std::int64_t Speaker::most_phonemes(std::int64_t tokens, std::int64_t frames) const {
    std::int64_t low = 0, high = tokens;
    while (low < high) {
        const std::int64_t middle = (low + high + 1) / 2;
        const auto& parts = settings_.voice.parts;
        const bool fits = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
            const std::int64_t expected = package_.selector().expected_frames(middle, part, settings_.speed);
            return expected >= 0 && expected <= frames;
        });
        (fits ? low : high) = fits ? middle : middle - 1;
    }
    return low - pads;
}

}  // namespace kokoro_npu
