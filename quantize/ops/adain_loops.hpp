// The loops of AdaIN and Residual over columns of channels, which a path_*.cpp includes; the compiler vectorizes them over
// the channels for the instruction set of that file.
//
// Floats are rounded by adding and subtracting 1.5 * 2^23, because every instruction set can vectorize an addition.
#pragma once

#include <cstring>

#include "path.hpp"

namespace kokoro_npu {
namespace {

constexpr float ROUNDER = 12582912.0f;  // 1.5 * 2^23
constexpr int BYTES = 256;
constexpr std::int64_t STRIP = 64;  // channels whose sums stay in registers

// pi in three parts. The first two have so few bits that their products with an integer below 2^13 are exact.
constexpr float PI_HIGH = 3.140625f;
constexpr float PI_MIDDLE = 9.675025939941406e-4f;
constexpr float PI_LOW = 1.5099580252808664e-7f;
constexpr float ONE_OVER_PI = 0.318309886183790672f;

inline std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// sin(x)^2. It has period pi, so x is brought to -pi/2..pi/2, where an odd polynomial follows the sine.
inline float squared_sine(float x) {
  const float turns = (x * ONE_OVER_PI + ROUNDER) - ROUNDER;
  const float r = ((x - turns * PI_HIGH) - turns * PI_MIDDLE) - turns * PI_LOW;
  const float s = r * r;
  const float p =
      -0.16666656732559204f + s * (0.008333017118275166f + s * (-0.00019806614727713168f + s * 2.600054585855105e-6f));
  const float sine = r + r * s * p;
  return sine * sine;
}

// round(x) as an integer, half to even, for |x| < 2^22.
inline std::int32_t rounded(float x) {
  const float moved = x + ROUNDER;
  std::int32_t bits;
  std::memcpy(&bits, &moved, sizeof bits);
  return bits - 0x4B400000;
}

// The value of one element. `at` counts elements of the tensor.
template <bool HAS_BYTES, bool HAS_ADDED>
inline float value_of(const AdainValue& value, std::int64_t at, std::int64_t channel) {
  const float scaled = HAS_BYTES ? static_cast<float>(value.bytes[at] - value.byte_zero) * value.byte_steps[channel] : 0;
  return HAS_ADDED ? scaled + value.added[at] : scaled;
}

// Sums of a block, as distances from its first real column, which is near every other one if the channel has a mean.
template <bool HAS_BYTES, bool HAS_ADDED>
std::int64_t moments_as(const AdainValue& given, const float* mask, std::int64_t first, std::int64_t end,
                        float* __restrict means, float* __restrict squares) {
  const AdainValue value = given;
  std::int64_t real = 0, pivot = first;
  while (pivot < end && mask && mask[pivot] == 0) ++pivot;
  if (pivot == end) pivot = first;
  for (std::int64_t i = first; i < end; ++i) real += !mask || mask[i] != 0;
  for (std::int64_t start = 0; start < value.channels; start += STRIP) {
    const std::int64_t count = least(STRIP, value.channels - start);
    float pivots[STRIP] = {}, sums[STRIP] = {}, squared[STRIP] = {};
    for (std::int64_t j = 0; j < count; ++j) {
      pivots[j] = value_of<HAS_BYTES, HAS_ADDED>(value, pivot * value.channels + start + j, start + j);
    }
    for (std::int64_t i = first; i < end; ++i) {
      const std::int64_t at = i * value.channels + start;
      if (HAS_BYTES && value.sum) {
#pragma omp simd
        for (std::int64_t j = 0; j < count; ++j) {
          value.sum[at + j] = value_of<HAS_BYTES, HAS_ADDED>(value, at + j, start + j);
        }
      }
      if (mask && mask[i] == 0) continue;
      const float* __restrict row = HAS_BYTES ? value.sum : value.added;
#pragma omp simd
      for (std::int64_t j = 0; j < count; ++j) {
        const float x =
            !HAS_BYTES || value.sum ? row[at + j] : value_of<HAS_BYTES, HAS_ADDED>(value, at + j, start + j);
        const float distance = x - pivots[j];
        sums[j] += distance;
        squared[j] += distance * distance;
      }
    }
    const float inverse = real ? 1.0f / static_cast<float>(real) : 0;
    for (std::int64_t j = 0; j < count; ++j) {
      means[start + j] = pivots[j] + sums[j] * inverse;
      const float around = squared[j] - sums[j] * sums[j] * inverse;
      squares[start + j] = around > 0 ? around : 0;
    }
  }
  if (!HAS_BYTES && value.sum && value.sum != value.added) {
    std::memcpy(value.sum + first * value.channels, value.added + first * value.channels,
                static_cast<std::size_t>((end - first) * value.channels) * sizeof(float));
  }
  return real;
}

std::int64_t moments(const AdainValue& value, const float* mask, std::int64_t first, std::int64_t end, float* means,
                     float* squares) {
  if (!value.bytes) return moments_as<false, true>(value, mask, first, end, means, squares);
  if (!value.added) return moments_as<true, false>(value, mask, first, end, means, squares);
  return moments_as<true, true>(value, mask, first, end, means, squares);
}

// Writes bytes, floats or both of one column.
template <bool HAS_BYTES, bool SNAKE>
void activate_column(const AdainValue& given_value, const AdainEnd& given, std::int64_t at) {
  const AdainEnd tail = given;
  const AdainValue source = given_value;
  const float inverse_step = 1.0f / tail.step;
  const float low = static_cast<float>(-tail.zero), high = static_cast<float>(BYTES - 1 - tail.zero);
  std::uint8_t* __restrict out = tail.out ? tail.out + at : nullptr;
  float* __restrict active = tail.active ? tail.active + at : nullptr;
  const auto activated = [&](std::int64_t j) {
    const float value = value_of<HAS_BYTES, !HAS_BYTES>(source, at + j, j);
    const float x = (value - tail.means[j]) * tail.gains[j] + tail.shifts[j];
    if (SNAKE) return x + tail.amplitudes[j] * squared_sine(tail.frequencies[j] * x);
    return x < 0 ? x * tail.slope : x;
  };
  const auto quantized = [&](float x) {
    float steps = x * inverse_step;
    steps = steps < low ? low : steps;
    steps = steps > high ? high : steps;
    return static_cast<std::uint8_t>(rounded(steps) + tail.zero);
  };
  if (!active) {
#pragma omp simd
    for (std::int64_t j = 0; j < source.channels; ++j) out[j] = quantized(activated(j));
    return;
  }
#pragma omp simd
  for (std::int64_t j = 0; j < source.channels; ++j) active[j] = activated(j);
  if (!out) return;
#pragma omp simd
  for (std::int64_t j = 0; j < source.channels; ++j) out[j] = quantized(active[j]);
}

template <bool HAS_BYTES, bool SNAKE>
void activate_as(const AdainValue& value, const AdainEnd& tail, const float* mask, std::int64_t first,
                 std::int64_t end) {
  const auto size = static_cast<std::size_t>(value.channels);
  for (std::int64_t i = first; i < end; ++i) {
    const std::int64_t at = i * value.channels;
    if (!mask || mask[i] != 0) {
      activate_column<HAS_BYTES, SNAKE>(value, tail, at);
    } else {
      if (tail.out) std::memset(tail.out + at, tail.zero, size);
      if (tail.active) std::memset(tail.active + at, 0, size * sizeof(float));
    }
  }
}

// The sum, where there is one, holds the value already.
void activate(const AdainValue& given, const AdainEnd& tail, const float* mask, std::int64_t first, std::int64_t end) {
  AdainValue value = given;
  if (value.bytes && value.sum) {
    value.bytes = nullptr;
    value.added = value.sum;
  }
  const bool snake = tail.frequencies != nullptr;
  if (value.bytes) {
    (snake ? activate_as<true, true> : activate_as<true, false>)(value, tail, mask, first, end);
  } else {
    (snake ? activate_as<false, true> : activate_as<false, false>)(value, tail, mask, first, end);
  }
}

void add(const AdainValue& given, std::int64_t first, std::int64_t end) {
  const AdainValue value = given;
  for (std::int64_t i = first; i < end; ++i) {
    const std::int64_t at = i * value.channels;
#pragma omp simd
    for (std::int64_t j = 0; j < value.channels; ++j) value.sum[at + j] = value_of<true, true>(value, at + j, j);
  }
}

}  // namespace
}  // namespace kokoro_npu
