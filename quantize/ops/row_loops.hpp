// The loops of every path. A path_*.cpp may define KOKORO_NPU_LOOKUP, a function that replaces bytes by a table's entries
// faster than one by one, and includes this file; the compiler vectorizes the loops for the instruction set of that file.
//
// Floats are rounded by adding and subtracting 1.5 * 2^23, because every instruction set can vectorize an addition.
// Sums run in float over blocks of 4096 and in double over the blocks.
#pragma once

#include <cmath>
#include <cstring>

#include "adain_row.hpp"

namespace kokoro_npu {
namespace {

#ifndef KOKORO_NPU_LOOKUP
#define KOKORO_NPU_LOOKUP look_up
void look_up(const std::uint8_t* table, const std::uint8_t* bytes, std::int64_t count, std::uint8_t* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = table[bytes[i]];
}
#endif

constexpr float ROUNDER = 12582912.0f;  // 1.5 * 2^23
constexpr std::int64_t BLOCK = 4096;
constexpr int BYTES = 256;

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
  const float p = -0.16666656732559204f + s * (0.008333017118275166f + s * (-0.00019806614727713168f + s * 2.600054585855105e-6f));
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

// What the row does to a value behind the statistics.
struct Tail {
  float mean, gain, shift, frequency, amplitude, slope, inverse_step, low, high;
  int zero;
};

inline std::uint8_t quantized(float value, const Tail& tail) {
  float steps = value * tail.inverse_step;
  steps = steps < tail.low ? tail.low : steps;
  steps = steps > tail.high ? tail.high : steps;
  return static_cast<std::uint8_t>(rounded(steps) + tail.zero);
}

template <bool SNAKE>
inline float activated(float value, const Tail& tail) {
  const float x = (value - tail.mean) * tail.gain + tail.shift;
  if (SNAKE) return x + tail.amplitude * squared_sine(tail.frequency * x);
  return x < 0 ? x * tail.slope : x;
}

// Writes bytes, floats or both.
template <bool SNAKE>
void activate_as(const float* __restrict values, std::int64_t count, const Tail& given, std::uint8_t* __restrict out,
                 float* __restrict active) {
  const Tail tail = given;
  if (!active) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) out[i] = quantized(activated<SNAKE>(values[i], tail), tail);
    return;
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) active[i] = activated<SNAKE>(values[i], tail);
  if (!out) return;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) out[i] = quantized(active[i], tail);
}

void activate(const float* values, std::int64_t count, const Tail& tail, bool snake, std::uint8_t* out, float* active) {
  if (snake) {
    activate_as<true>(values, count, tail, out, active);
  } else {
    activate_as<false>(values, count, tail, out, active);
  }
}

// Padding becomes the zero point: every activation of 0 is 0.
void mask_bytes(const std::uint8_t* __restrict mask, std::int64_t count, int zero, std::uint8_t* __restrict out) {
  const std::uint8_t padding = static_cast<std::uint8_t>(zero);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<std::uint8_t>((out[i] & mask[i]) | (padding & ~mask[i]));
  }
}

Tail tail_of(const AdainRow& row, double mean, double variance) {
  Tail tail;
  tail.mean = static_cast<float>(mean);
  tail.gain = static_cast<float>(row.gain / std::sqrt(variance + row.epsilon));
  tail.shift = row.shift;
  tail.frequency = row.frequency;
  tail.amplitude = row.amplitude;
  tail.slope = row.slope;
  tail.inverse_step = row.out ? 1.0f / row.step : 0;
  tail.low = static_cast<float>(-row.zero);
  tail.high = static_cast<float>(BYTES - 1 - row.zero);
  tail.zero = row.zero;
  return tail;
}

// Bytes alone: their statistics are sums of integers, which are exact, and everything behind them is a table.
void adain_of_bytes(const AdainRow& row) {
  std::int64_t sum = 0, squares = 0;
  for (std::int64_t start = 0; start < row.columns; start += BLOCK) {
    const std::int64_t count = least(BLOCK, row.columns - start);
    const std::uint8_t* __restrict bytes = row.bytes + start;
    std::uint32_t block_sum = 0, block_squares = 0;
    if (row.byte_mask) {
      const std::uint8_t* __restrict mask = row.byte_mask + start;
      for (std::int64_t i = 0; i < count; ++i) {
        const std::uint16_t byte = bytes[i] & mask[i];
        block_sum += byte;
        block_squares += static_cast<std::uint16_t>(byte * byte);
      }
    } else {
      for (std::int64_t i = 0; i < count; ++i) {
        const std::uint16_t byte = bytes[i];
        block_sum += byte;
        block_squares += static_cast<std::uint16_t>(byte * byte);
      }
    }
    sum += block_sum;
    squares += block_squares;
  }
  const double step = row.byte_step, mean = static_cast<double>(sum) / row.real;
  const double spread = static_cast<double>(squares) * row.real - static_cast<double>(sum) * static_cast<double>(sum);
  const Tail tail = tail_of(row, (mean - row.byte_zero) * step, spread / (row.real * row.real) * step * step);
  float values[BYTES], active[BYTES];
  std::uint8_t table[BYTES];
  for (int byte = 0; byte < BYTES; ++byte) values[byte] = static_cast<float>(byte - row.byte_zero) * row.byte_step;
  activate(values, BYTES, tail, row.snake, table, row.active ? active : nullptr);
  if (row.active) {
    for (std::int64_t i = 0; i < row.columns; ++i) row.active[i] = active[row.bytes[i]];
  }
  if (row.sum) {
    for (std::int64_t i = 0; i < row.columns; ++i) row.sum[i] = values[row.bytes[i]];
  }
  if (row.out) KOKORO_NPU_LOOKUP(table, row.bytes, row.columns, row.out);  // last, because it may overwrite the bytes
}

// Writes the value where it is not there yet, which may be where `added` is, and returns the sum of the real columns.
double sum_values(const AdainRow& row) {
  double total = 0;
  for (std::int64_t start = 0; start < row.columns; start += BLOCK) {
    const std::int64_t count = least(BLOCK, row.columns - start);
    const float* added = row.added + start;
    float block = 0;
    if (row.bytes) {
      const std::uint8_t* __restrict bytes = row.bytes + start;
      float* out = row.sum + start;
      const int zero = row.byte_zero;
      const float step = row.byte_step;
      if (row.mask) {
        const float* __restrict mask = row.mask + start;
#pragma omp simd reduction(+ : block)
        for (std::int64_t i = 0; i < count; ++i) {
          const float value = static_cast<float>(bytes[i] - zero) * step + added[i];
          out[i] = value;
          block += value * mask[i];
        }
      } else {
#pragma omp simd reduction(+ : block)
        for (std::int64_t i = 0; i < count; ++i) {
          const float value = static_cast<float>(bytes[i] - zero) * step + added[i];
          out[i] = value;
          block += value;
        }
      }
    } else if (row.mask) {
      const float* __restrict mask = row.mask + start;
#pragma omp simd reduction(+ : block)
      for (std::int64_t i = 0; i < count; ++i) block += added[i] * mask[i];
    } else {
#pragma omp simd reduction(+ : block)
      for (std::int64_t i = 0; i < count; ++i) block += added[i];
    }
    total += block;
  }
  return total;
}

double squared_distances(const AdainRow& row, const float* row_values, float mean) {
  double total = 0;
  for (std::int64_t start = 0; start < row.columns; start += BLOCK) {
    const std::int64_t count = least(BLOCK, row.columns - start);
    const float* __restrict values = row_values + start;
    float block = 0;
    if (row.mask) {
      const float* __restrict mask = row.mask + start;
#pragma omp simd reduction(+ : block)
      for (std::int64_t i = 0; i < count; ++i) {
        const float distance = (values[i] - mean) * mask[i];
        block += distance * distance;
      }
    } else {
#pragma omp simd reduction(+ : block)
      for (std::int64_t i = 0; i < count; ++i) block += (values[i] - mean) * (values[i] - mean);
    }
    total += block;
  }
  return total;
}

// Two passes for the statistics and one for the rest. A channel is at most some hundred kilobytes, so the second and the
// third read it from the cache.
void adain_of_floats(const AdainRow& row) {
  const double mean = sum_values(row) / row.real;
  const float* values = row.bytes ? row.sum : row.added;
  const double variance = squared_distances(row, values, static_cast<float>(mean)) / row.real;
  activate(values, row.columns, tail_of(row, mean, variance), row.snake, row.out, row.active);
  if (!row.bytes && row.sum && row.sum != row.added) {
    std::memcpy(row.sum, row.added, sizeof(float) * static_cast<std::size_t>(row.columns));
  }
}

void add_bytes(const std::uint8_t* __restrict bytes, std::int64_t count, float step, int zero, const float* added,
               float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(bytes[i] - zero) * step + added[i];
}

void adain(const AdainRow& row) {
  if (row.added) {
    adain_of_floats(row);
  } else {
    adain_of_bytes(row);
  }
  if (row.byte_mask && row.out) mask_bytes(row.byte_mask, row.columns, row.zero, row.out);
  if (row.mask && row.active) {
    const float* __restrict mask = row.mask;
    float* __restrict out = row.active;
#pragma omp simd
    for (std::int64_t i = 0; i < row.columns; ++i) out[i] *= mask[i];
  }
}

}  // namespace
}  // namespace kokoro_npu
