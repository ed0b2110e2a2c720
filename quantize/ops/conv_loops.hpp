// The operators Conv and FloatConv around a path's kernels: packed weights, a tile of the input, and what happens to the
// sums. A path_*.cpp includes this file and names the two kernels in CONV and FLOAT_CONV. A kernel is a struct with
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

typedef float Floats16 __attribute__((vector_size(64)));
typedef std::int32_t Integers16 __attribute__((vector_size(64)));
constexpr std::int64_t SQUARE = 16;  // rows and columns that are transposed at once

// From 16 rows to 16 columns, as transpose_tile of layout_loops.hpp.
inline void transpose_floats(Floats16* tile) {
  for (int round = 0; round < 4; ++round) {
    Floats16 next[16];
    for (int i = 0; i < 8; ++i) {
      const Floats16 a = tile[i], b = tile[i + 8];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; ++i) tile[i] = next[i];
  }
}

constexpr std::int64_t up_to(std::int64_t number, std::int64_t multiple) {
  return (number + multiple - 1) / multiple * multiple;
}

constexpr std::int64_t LINE_BYTES = 64;  // a line of the cache

template <class Kernel, bool FLOATS>
struct ConvLoops {
  using Element = typename Kernel::Element;
  using Weight = typename Kernel::Weight;
  static_assert(CONV_STEP % Kernel::COLUMNS == 0 && CONV_STEP % SQUARE == 0 && CONV_CHANNELS % SQUARE == 0,
                "a tile has whole kernels and squares");

  // Channels of the prepared input.
  static std::int64_t channels_of(const ConvShape& shape) { return up_to(shape.in, FLOATS ? SQUARE : Kernel::GROUP); }

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

  // Columns that a tile computes, in whole steps, and those that it reads for them.
  static std::int64_t columns_made(std::int64_t count) { return up_to(count, CONV_STEP); }

  static std::int64_t columns_read(const ConvShape& shape, std::int64_t count) {
    return up_to(columns_made(count) + (shape.taps - 1) * shape.dilation, SQUARE);
  }

  static std::int64_t input_bytes(const ConvShape& shape, std::int64_t count) {
    const std::int64_t size = columns_read(shape, count) * channels_of(shape);
    return up_to(size * static_cast<std::int64_t>(sizeof(Element)), LINE_BYTES);
  }

  static std::int64_t scratch_bytes(const ConvShape& shape, std::int64_t count) {
    const std::int64_t sums = columns_made(count) * CONV_CHANNELS * static_cast<std::int64_t>(sizeof(std::int32_t));
    return LINE_BYTES + input_bytes(shape, count) + sums;
  }

  // The columns that the tile reads, with whole groups of channels. Padding and columns that no output needs hold the
  // zero point; the weights of channels that do not exist are 0.
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
    const std::int64_t start = tile.first - tile.shape.left, channels = channels_of(tile.shape);
    const std::int64_t count = columns_read(tile.shape, tile.count);
    const std::int64_t low = start < 0 ? -start : 0, after = tile.columns - start;
    const std::int64_t high = after < count ? after : count;  // the real columns are low..high
    float peak = 0;
    for (std::int64_t j = 0; j < tile.shape.in; ++j) {
      const float* row = tile.floats + j * tile.columns + start;
#pragma omp simd reduction(max : peak)
      for (std::int64_t i = low; i < high; ++i) peak = std::fabs(row[i]) > peak ? std::fabs(row[i]) : peak;
    }
    const float step = peak > 0 ? peak / static_cast<float>(tile.most) : 1;
    const float inverse = 1 / step, rounder = 12582912.0f;  // 1.5 * 2^23, as in row_loops.hpp
    for (std::int64_t i = 0; i < count; i += SQUARE) {
      for (std::int64_t j = 0; j < channels; j += SQUARE) {
        Floats16 square[SQUARE] = {};
        const std::int64_t rows = tile.shape.in - j < SQUARE ? tile.shape.in - j : SQUARE;
        for (std::int64_t r = 0; r < rows; ++r) {
          const float* row = tile.floats + (j + r) * tile.columns + start;
          if (i >= low && i + SQUARE <= high) {
            std::memcpy(&square[r], row + i, sizeof square[r]);
          } else {
            for (std::int64_t c = 0; c < SQUARE; ++c) square[r][c] = i + c >= low && i + c < high ? row[i + c] : 0;
          }
        }
        transpose_floats(square);
        for (std::int64_t c = 0; c < SQUARE; ++c) {
          typedef Element Elements16 __attribute__((vector_size(SQUARE * sizeof(Element))));
          const Floats16 whole = (square[c] * inverse + rounder) - rounder;
          const Elements16 elements = __builtin_convertvector(__builtin_convertvector(whole, Integers16), Elements16);
          std::memcpy(to + (i + c) * channels + j, &elements, sizeof elements);
        }
      }
    }
    return step;
  }

  // The sums of a tile, [columns, CONV_CHANNELS], become rows of floats. The columns of 16 rows are written one after
  // the other: a row is long, and lies on other pages than the next one.
  static void write_rows(const ConvTile& tile, float step, std::int64_t block, const std::int32_t* sums) {
    const std::int64_t left = tile.shape.out - block * CONV_CHANNELS;
    const std::int64_t channels = left < CONV_CHANNELS ? left : CONV_CHANNELS;
    for (std::int64_t channel = 0; channel < channels; channel += SQUARE) {
      const std::int64_t rows = channels - channel < SQUARE ? channels - channel : SQUARE;
      const std::int64_t row = block * CONV_CHANNELS + channel;
      Floats16 scale, bias;
      std::memcpy(&scale, tile.scales + row, sizeof scale);
      std::memcpy(&bias, tile.biases + row, sizeof bias);
      scale *= step;
      for (std::int64_t column = 0; column < tile.count; column += SQUARE) {
        const std::int64_t columns = tile.count - column < SQUARE ? tile.count - column : SQUARE;
        const std::int64_t start = row * tile.stride + tile.first + column;
        Floats16 turned[SQUARE];
        for (std::int64_t i = 0; i < SQUARE; ++i) {
          Integers16 whole;
          std::memcpy(&whole, sums + (column + i) * CONV_CHANNELS + channel, sizeof whole);
          turned[i] = __builtin_convertvector(whole, Floats16) * scale + bias;
        }
        transpose_floats(turned);
        for (std::int64_t j = 0; j < rows; ++j) {
          float* to = tile.rows + start + j * tile.stride;
          const float* added = tile.added ? tile.added + start + j * tile.stride : nullptr;
          if (columns == SQUARE) {
            Floats16 more = {};
            if (added) std::memcpy(&more, added, sizeof more);
            turned[j] += more;
            std::memcpy(to, &turned[j], sizeof turned[j]);
          } else {
            for (std::int64_t i = 0; i < columns; ++i) to[i] = turned[j][i] + (added ? added[i] : 0);
          }
        }
      }
    }
  }

  // Brings the memory of some of a block's rows into the cache, while the kernel computes: each row lies on another page.
  static void fetch_rows(const ConvTile& tile, std::int64_t block, std::int64_t channel, std::int64_t end) {
    constexpr std::int64_t LINE = LINE_BYTES / static_cast<std::int64_t>(sizeof(float));
    for (std::int64_t i = block * CONV_CHANNELS + channel; i < block * CONV_CHANNELS + end && i < tile.shape.out; ++i) {
      const std::int64_t start = i * tile.stride + tile.first;
      for (std::int64_t j = 0; j < tile.count; j += LINE) {
        __builtin_prefetch(tile.rows + start + j, 1);
        if (tile.added && tile.added != tile.rows) __builtin_prefetch(tile.added + start + j);
      }
    }
  }

  static void run(const ConvTile& tile) {
    const std::int64_t channels = channels_of(tile.shape), kernels = columns_made(tile.count) / Kernel::COLUMNS;
    auto* input = reinterpret_cast<Element*>(up_to(reinterpret_cast<std::intptr_t>(tile.scratch), LINE_BYTES));
    auto* sums = reinterpret_cast<std::int32_t*>(reinterpret_cast<std::uint8_t*>(input) +
                                                 input_bytes(tile.shape, tile.count));
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
      for (std::int64_t i = 0; i < kernels; ++i) {
        fetch_rows(tile, block, CONV_CHANNELS * i / kernels, CONV_CHANNELS * (i + 1) / kernels);
        Kernel::sums(given, input + i * Kernel::COLUMNS * channels, sums + i * Kernel::COLUMNS * CONV_CHANNELS);
      }
      write_rows(tile, step, block, sums);
    }
  }

  static constexpr ConvPath PATH{Kernel::SHIFT, packed_bytes, pack, scratch_bytes, run};
};

}  // namespace
}  // namespace kokoro_npu
