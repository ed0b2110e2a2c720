// What the paths for 64-bit ARM have in common: the kernels of plain NEON.
#pragma once

#include <arm_neon.h>

#include "conv_tile.hpp"

namespace kokoro_npu {
namespace {

// Signed bytes: smull and smlal2 add two products in 16 bits, which hold 2 * 128 * 127 because no weight is -128; sadalp
// adds pairs of them to 32 bits. Each channel's sum is in four parts until the end.
struct NeonBytes {
  using Element = std::int8_t;
  using Weight = std::int8_t;
  static constexpr int SHIFT = 128, GROUP = 16, COLUMNS = 3, CHANNELS = 8;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    for (int channel = 0; channel < CONV_CHANNELS; channel += CHANNELS) part(block, first, channel, out + channel);
  }

  static void part(const ConvBlock<Weight>& block, const Element* first, int channel, std::int32_t* out) {
    int32x4_t sums[COLUMNS][CHANNELS];
    for (int i = 0; i < COLUMNS; ++i) {
      for (int c = 0; c < CHANNELS; ++c) sums[i][c] = vdupq_n_s32(0);
    }
    const Weight* weights = block.weights + channel * GROUP;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group, weights += CONV_CHANNELS * GROUP) {
        int8x16_t input[COLUMNS];
        for (int i = 0; i < COLUMNS; ++i) input[i] = vld1q_s8(first + i * block.column_distance + group * GROUP);
        for (int c = 0; c < CHANNELS; ++c) {
          const int8x16_t row = vld1q_s8(weights + c * GROUP);
          for (int i = 0; i < COLUMNS; ++i) {
            const int16x8_t low = vmull_s8(vget_low_s8(row), vget_low_s8(input[i]));
            sums[i][c] = vpadalq_s16(sums[i][c], vmlal_high_s8(low, row, input[i]));
          }
        }
      }
    }
    for (int i = 0; i < COLUMNS; ++i) {
      for (int c = 0; c < CHANNELS; ++c) {
        out[i * CONV_CHANNELS + c] = block.offsets[channel + c] + vaddvq_s32(sums[i][c]);
      }
    }
  }
};

// Integers of 16 bits: smlal adds four products to four integers.
struct NeonWords {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  static constexpr int SHIFT = 0, GROUP = 1, COLUMNS = 6, VECTORS = 4;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    for (int channel = 0; channel < CONV_CHANNELS; channel += 4 * VECTORS) part(block, first, channel, out + channel);
  }

  static void part(const ConvBlock<Weight>& block, const Element* first, int channel, std::int32_t* out) {
    int32x4_t sums[COLUMNS][VECTORS];
    for (int i = 0; i < COLUMNS; ++i) {
      for (int v = 0; v < VECTORS; ++v) sums[i][v] = vld1q_s32(block.offsets + channel + 4 * v);
    }
    const Weight* weights = block.weights + channel;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group, weights += CONV_CHANNELS) {
        const int16x8_t a = vld1q_s16(weights), b = vld1q_s16(weights + 8);
        for (int i = 0; i < COLUMNS; ++i) {
          const int16x8_t input = vld1q_dup_s16(first + i * block.column_distance + group);
          sums[i][0] = vmlal_s16(sums[i][0], vget_low_s16(a), vget_low_s16(input));
          sums[i][1] = vmlal_high_s16(sums[i][1], a, input);
          sums[i][2] = vmlal_s16(sums[i][2], vget_low_s16(b), vget_low_s16(input));
          sums[i][3] = vmlal_high_s16(sums[i][3], b, input);
        }
      }
    }
    for (int i = 0; i < COLUMNS; ++i) {
      for (int v = 0; v < VECTORS; ++v) vst1q_s32(out + i * CONV_CHANNELS + 4 * v, sums[i][v]);
    }
  }
};

}  // namespace
}  // namespace kokoro_npu
