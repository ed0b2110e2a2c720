// Standard-normal numbers: the very values of numpy.random.default_rng((seed, index)).standard_normal(dtype=float32).
//
// Three published algorithms in a row: numpy's SeedSequence spreads the seed over 256 bits, PCG64 (XSL-RR 128/64) makes
// random bits of them, and the ziggurat of Marsaglia and Tsang with 256 layers makes normal numbers of the bits. One
// number in 4,000 is of the ziggurat's tail and takes a logarithm from the C library, so that its last bit is the
// library's; all others are exact on every processor.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace kokoro_npu {

namespace detail {

// 128-bit arithmetic modulo 2^128; 32-bit ARM has no type for it.
struct Wide {
    std::uint64_t high, low;
};
inline Wide sum(Wide a, Wide b) {
    const std::uint64_t low = a.low + b.low;
    return {a.high + b.high + (low < a.low ? 1 : 0), low};
}
inline Wide product(Wide a, Wide b) {
    const std::uint64_t mask = 0xFFFFFFFF, a0 = a.low & mask, a1 = a.low >> 32, b0 = b.low & mask, b1 = b.low >> 32;
    const std::uint64_t middle = a1 * b0 + ((a0 * b0) >> 32), other = a0 * b1 + (middle & mask);
    const std::uint64_t carry = a1 * b1 + (middle >> 32) + (other >> 32);
    return {carry + a.high * b.low + a.low * b.high, a.low * b.low};
}

// numpy.random.SeedSequence((seed, index)): eight words of 32 bits, mixed from the two numbers' words.
inline std::array<std::uint64_t, 4> spread_seed(std::uint64_t seed, std::uint64_t index) {
    std::vector<std::uint32_t> entropy;
    for (std::uint64_t number : {seed, index}) {
        do {
            entropy.push_back(static_cast<std::uint32_t>(number));
            number >>= 32;
        } while (number > 0);
    }
    std::uint32_t constant = 0x43b0d7e5;
    const auto hashed = [&constant](std::uint32_t value) {
        value ^= constant;
        constant *= 0x931e8875;
        value *= constant;
        return value ^ (value >> 16);
    };
    const auto mixed = [](std::uint32_t x, std::uint32_t y) {
        const std::uint32_t value = x * 0xca01f9dd - y * 0x4973f715;
        return value ^ (value >> 16);
    };
    std::array<std::uint32_t, 4> pool{};
    for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = hashed(i < entropy.size() ? entropy[i] : 0);
    for (std::size_t from = 0; from < pool.size(); ++from)
        for (std::size_t to = 0; to < pool.size(); ++to)
            if (from != to) pool[to] = mixed(pool[to], hashed(pool[from]));
    for (std::size_t from = pool.size(); from < entropy.size(); ++from)
        for (auto& word : pool) word = mixed(word, hashed(entropy[from]));
    std::array<std::uint64_t, 4> out{};
    constant = 0x8b51f9dd;
    for (std::size_t i = 0; i < 8; ++i) {
        std::uint32_t value = pool[i % 4] ^ constant;
        constant *= 0x58f38ded;
        value *= constant;
        value ^= value >> 16;
        out[i / 2] |= static_cast<std::uint64_t>(value) << (i % 2 * 32);
    }
    return out;
}

// Layers of equal area under exp(-x^2 / 2): a layer's width per step of 23 random bits, the number of steps that
// surely lie under the curve, and the curve's height at its edge.
struct Ziggurat {
    static constexpr double edge = 3.6541528853610088;         // where the tail begins
    static constexpr double area = 0.004928673233974658;  // of a layer; the tail's rest included
    std::array<float, 256> width{}, height{};
    std::array<std::uint32_t, 256> sure{};

    Ziggurat() {
        const double steps = 8388608;  // 2^23
        const auto curve = [](double x) { return std::exp(-0.5 * x * x); };
        double x = edge, below = edge;
        const double base = area / curve(edge);  // the lowest layer as a rectangle
        sure[0] = static_cast<std::uint32_t>(x / base * steps + 0.5);
        sure[1] = 0;
        width[0] = static_cast<float>(base / steps);
        width[255] = static_cast<float>(x / steps);
        height[0] = 1;
        height[255] = static_cast<float>(curve(x));
        for (std::size_t i = 254; i >= 1; --i) {
            x = std::sqrt(-2 * std::log(area / below + curve(below)));
            sure[i + 1] = static_cast<std::uint32_t>(x / below * steps + 0.5);
            below = x;
            height[i] = static_cast<float>(curve(x));
            width[i] = static_cast<float>(x / steps);
        }
    }
};

}  // namespace detail

class NormalNoise {
public:
    NormalNoise(std::uint64_t seed, std::uint64_t index) {
        const auto words = detail::spread_seed(seed, index);
        const detail::Wide stream{words[2], words[3]};
        increment_ = {stream.high << 1 | stream.low >> 63, stream.low << 1 | 1};
        state_ = {0, 0};
        step();
        state_ = detail::sum(state_, {words[0], words[1]});
        step();
    }

    float next() {
        static const detail::Ziggurat layers;
        constexpr float edge = static_cast<float>(detail::Ziggurat::edge);
        constexpr float inverse_edge = static_cast<float>(1 / detail::Ziggurat::edge);
        for (;;) {
            const std::uint32_t bits = bits32();
            const std::size_t layer = bits & 0xFF;
            const std::uint32_t steps = bits >> 9;
            float x = static_cast<float>(steps) * layers.width[layer];
            if (bits >> 8 & 1) x = -x;
            if (steps < layers.sure[layer]) return x;
            if (layer > 0) {
                const float low = layers.height[layer], high = layers.height[layer - 1];
                const float at = (high - low) * uniform() + low;
                if (static_cast<double>(at) < std::exp(-0.5 * static_cast<double>(x) * static_cast<double>(x))) return x;
                continue;
            }
            for (;;) {
                const float beyond = -inverse_edge * std::log1p(-uniform());
                const float chance = -std::log1p(-uniform());
                if (chance + chance > beyond * beyond) return steps >> 8 & 1 ? -(edge + beyond) : edge + beyond;
            }
        }
    }

    std::vector<float> take(std::size_t count) {
        std::vector<float> out(count);
        for (float& value : out) value = next();
        return out;
    }

private:
    detail::Wide state_{}, increment_{};
    bool has_half_ = false;
    std::uint32_t half_ = 0;

    void step() {
        state_ = detail::sum(detail::product(state_, {2549297995355413924u, 4865540595714422341u}), increment_);
    }
    std::uint64_t bits64() {
        step();
        const std::uint64_t folded = state_.high ^ state_.low;
        const unsigned turn = static_cast<unsigned>(state_.high >> 58);
        return folded >> turn | folded << ((64 - turn) & 63);
    }
    std::uint32_t bits32() {
        if (has_half_) {
            has_half_ = false;
            return half_;
        }
        const std::uint64_t both = bits64();
        has_half_ = true;
        half_ = static_cast<std::uint32_t>(both >> 32);
        return static_cast<std::uint32_t>(both);
    }
    float uniform() { return static_cast<float>(bits32() >> 8) * (1.0f / 16777216.0f); }
};

}  // namespace kokoro_npu
