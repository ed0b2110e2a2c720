// The operators Conv and FloatConv around a path's kernels: packed weights, a tile of the input, and what becomes of the
// sums. Tensors are [columns, channels]. A path_*.cpp includes this file and hands its kernels to ConvLoops. A kernel is
// a struct with
//
//     Element                      the type that it multiplies; bytes become Element(byte - SHIFT)
//     Weight                       the type of packed weights
//     SHIFT                        0, or 128 where it multiplies signed bytes
//     GROUP                        input channels that one instruction adds up; packed weights are
//                                  [block][tap][in / GROUP][CONV_CHANNELS][GROUP]
//     COLUMNS                      how many columns `sums` computes at once
//     sums(block, columns, sums)   the integers of COLUMNS columns, [COLUMNS, CONV_CHANNELS]
#pragma once

#include <cmath>
#include <cstring>

#include "conv_tile.hpp"

namespace kokoro_npu {
namespace {

constexpr std::int64_t up_to(std::int64_t number, std::int64_t multiple) {
  return (number + multiple - 1) / multiple * multiple;
}

constexpr std::int64_t LINE_BYTES = 64;  // a line of the cache

template <class Kernel, bool FLOATS>
struct ConvLoops {
  using Element = typename Kernel::Element;
  using Weight = typename Kernel::Weight;
  static_assert(CONV_STEP % Kernel::COLUMNS == 0, "a tile has whole kernels");

  // Channels of the prepared input.
  static std::int64_t channels_of(const ConvShape& shape) { return up_to(shape.in, Kernel::GROUP); }

  static std::int64_t block_size(const ConvShape& shape) {  // in weights
    return shape.taps * channels_of(shape) * CONV_CHANNELS;
  }

  static std::int64_t packed_bytes(const ConvShape& shape) {
    return whole_blocks(shape.out) * block_size(shape) * static_cast<std::int64_t>(sizeof(Weight));
  }

  static void pack(const ConvShape& shape, const std::int16_t* weights, void* packed, std::int32_t* totals) {
    const std::int64_t channels = channels_of(shape);
    std::memset(packed, 0, static_cast<std::size_t>(packed_bytes(shape)));
    for (std::int64_t out = 0; out < shape.out; ++out) {
      Weight* block = static_cast<Weight*>(packed) + out / CONV_CHANNELS * block_size(shape);
      const std::int16_t* row = weights + out * shape.in * shape.taps;
      std::int32_t total = 0;
      for (std::int64_t in = 0; in < shape.in; ++in) {
        for (std::int64_t tap = 0; tap < shape.taps; ++tap) {
          const std::int64_t start = (tap * channels + in / Kernel::GROUP * Kernel::GROUP) * CONV_CHANNELS;
          const std::int64_t place = out % CONV_CHANNELS * Kernel::GROUP + in % Kernel::GROUP;
          block[start + place] = static_cast<Weight>(row[in * shape.taps + tap]);
          total += row[in * shape.taps + tap];
        }
      }
      totals[out] = total;
    }
  }

  // Columns that a tile computes, in whole kernels, and those that it reads for them.
  static std::int64_t columns_made(std::int64_t count) { return up_to(count, Kernel::COLUMNS); }

  static std::int64_t columns_read(const ConvShape& shape, std::int64_t count) {
    return columns_made(count) + (shape.taps - 1) * shape.dilation;
  }

  static std::int64_t input_bytes(const ConvShape& shape, std::int64_t count) {
    const std::int64_t size = columns_read(shape, count) * channels_of(shape);
    return up_to(size * static_cast<std::int64_t>(sizeof(Element)), LINE_BYTES);
  }

  static std::int64_t scratch_bytes(const ConvShape& shape, std::int64_t count) {
    return LINE_BYTES + input_bytes(shape, count);
  }

  // The columns that the tile reads, with whole groups of channels. Columns outside of the input hold the zero point; the
  // weights of channels that do not exist are 0.
  static void prepare_bytes(const ConvTile& tile, Element* to) {
    const std::int64_t start = tile.first - tile.shape.left, in = tile.shape.in, channels = channels_of(tile.shape);
    const std::int64_t count = columns_read(tile.shape, tile.count);
    for (std::int64_t i = 0; i < count; ++i, to += channels) {
      const bool real = start + i >= 0 && start + i < tile.columns;
      const std::uint8_t* from = tile.bytes + (start + i) * in;
      if (real && sizeof(Element) == 1 && !Kernel::SHIFT) {
        std::memcpy(to, from, static_cast<std::size_t>(in));
      } else {
        for (std::int64_t j = 0; j < in; ++j) to[j] = static_cast<Element>((real ? from[j] : tile.zero) - Kernel::SHIFT);
      }
      for (std::int64_t j = in; j < channels; ++j) to[j] = 0;
    }
  }

  // The same of floats, which become integers; returns their step.
  static float prepare_floats(const ConvTile& tile, Element* to) {
    const std::int64_t start = tile.first - tile.shape.left, in = tile.shape.in, channels = channels_of(tile.shape);
    const std::int64_t count = columns_read(tile.shape, tile.count);
    const std::int64_t low = start < 0 ? -start : 0, after = tile.columns - start;
    const std::int64_t high = after < count ? after : count;  // the real columns are low..high
    float peak = 0;
    const float* floats = tile.floats + (start + low) * in;
#pragma omp simd reduction(max : peak)
    for (std::int64_t i = 0; i < (high - low) * in; ++i) {
      const float size = std::fabs(floats[i]);
      peak = size > peak ? size : peak;
    }
    const float step = peak > 0 ? peak / static_cast<float>(tile.most) : 1;
    const float inverse = 1 / step, rounder = 12582912.0f;  // 1.5 * 2^23, as in adain_loops.hpp
    for (std::int64_t i = 0; i < count; ++i, to += channels) {
      const bool real = i >= low && i < high;
      const float* from = tile.floats + (start + i) * in;
#pragma omp simd
      for (std::int64_t j = 0; j < (real ? in : 0); ++j) {
        const float moved = from[j] * inverse + rounder;
        std::int32_t bits;
        std::memcpy(&bits, &moved, sizeof bits);
        to[j] = static_cast<Element>(bits - 0x4B400000);
      }
      for (std::int64_t j = real ? in : 0; j < channels; ++j) to[j] = 0;
    }
    return step;
  }

  // What is known of a block's columns so far: sums of distances from the first column.
  struct Moments {
    float pivots[CONV_CHANNELS], sums[CONV_CHANNELS], squares[CONV_CHANNELS];
  };

  // The sums of a kernel's columns, [COLUMNS, CONV_CHANNELS], become floats.
  static void finish(const ConvTile& tile, float step, std::int64_t block, std::int64_t column,
                     const std::int32_t* sums, Moments* moments) {
    const std::int64_t first = block * CONV_CHANNELS, left = tile.shape.out - first;
    const std::int64_t channels = left < CONV_CHANNELS ? left : CONV_CHANNELS;
    const std::int64_t columns = tile.count - column < Kernel::COLUMNS ? tile.count - column : Kernel::COLUMNS;
    const float *scales = tile.scales + first, *biases = tile.biases + first;
    for (std::int64_t i = 0; i < columns; ++i, sums += CONV_CHANNELS) {
      const std::int64_t start = (tile.first + column + i) * tile.shape.out + first;
      float* to = tile.out + start;
      const float* added = tile.added ? tile.added + start : nullptr;
      if (added) {
#pragma omp simd
        for (std::int64_t j = 0; j < channels; ++j) {
          to[j] = static_cast<float>(sums[j]) * (scales[j] * step) + biases[j] + added[j];
        }
      } else {
#pragma omp simd
        for (std::int64_t j = 0; j < channels; ++j) {
          to[j] = static_cast<float>(sums[j]) * (scales[j] * step) + biases[j];
        }
      }
      if (!tile.moments) continue;
      if (column + i == 0) std::memcpy(moments->pivots, to, static_cast<std::size_t>(channels) * sizeof(float));
#pragma omp simd
      for (std::int64_t j = 0; j < channels; ++j) {
        const float distance = to[j] - moments->pivots[j];
        moments->sums[j] += distance;
        moments->squares[j] += distance * distance;
      }
    }
  }

  static void write_moments(const ConvTile& tile, std::int64_t block, const Moments& found) {
    const std::int64_t first = block * CONV_CHANNELS, channels = tile.shape.out;
    const auto count = static_cast<float>(tile.count);
    for (std::int64_t j = 0; j < CONV_CHANNELS && first + j < channels; ++j) {
      const float mean = found.sums[j] / count, around = found.squares[j] - found.sums[j] * mean;
      tile.moments[first + j] = found.pivots[j] + mean;
      tile.moments[channels + first + j] = around > 0 ? around : 0;
      tile.moments[2 * channels + first + j] = count;
    }
  }

  static void run(const ConvTile& tile) {
    const std::int64_t channels = channels_of(tile.shape), kernels = columns_made(tile.count) / Kernel::COLUMNS;
    auto* input = reinterpret_cast<Element*>(up_to(reinterpret_cast<std::intptr_t>(tile.scratch), LINE_BYTES));
    alignas(LINE_BYTES) std::int32_t sums[Kernel::COLUMNS * CONV_CHANNELS];
    float step = 1;
    if constexpr (FLOATS) {
      step = prepare_floats(tile, input);
    } else {
      prepare_bytes(tile, input);
    }
    for (std::int64_t block = tile.block; block < tile.blocks; ++block) {
      const ConvBlock<Weight> given{static_cast<const Weight*>(tile.packed) + block * block_size(tile.shape),
                                    tile.offsets + block * CONV_CHANNELS, tile.shape.taps, channels / Kernel::GROUP,
                                    tile.shape.dilation * channels, channels};
      Moments moments{};
      for (std::int64_t i = 0; i < kernels; ++i) {
        Kernel::sums(given, input + i * Kernel::COLUMNS * channels, sums);
        finish(tile, step, block, i * Kernel::COLUMNS, sums, &moments);
      }
      if (tile.moments) write_moments(tile, block, moments);
    }
  }

  static constexpr ConvPath PATH{Kernel::SHIFT, packed_bytes, pack, scratch_bytes, run};
};

}  // namespace
}  // namespace kokoro_npu
