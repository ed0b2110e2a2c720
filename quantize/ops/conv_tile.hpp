// One task's share of the operators Conv and FloatConv, and the shapes that every path's kernels agree on. Plain C++, as
// path.hpp.
#pragma once

#include <cstdint>

namespace kokoro_npu {

// Output channels that a kernel computes at once; the most columns of a tile, whose number is a multiple of the step.
// Tiles of 96 to 1,536 columns take the same time; these leave enough of them for the threads.
constexpr std::int64_t CONV_CHANNELS = 64;
constexpr std::int64_t CONV_COLUMNS = 384;
constexpr std::int64_t CONV_STEP = 48;

// Rows of the moments that a convolution gives of a tile's columns, for the AdaIN behind it: means, squared distances from
// them, and the number of columns.
constexpr std::int64_t MOMENTS = 3;

// A convolution over time of stride 1.
struct ConvShape {
  std::int64_t in, out;               // channels
  std::int64_t taps, dilation, left;  // `left` columns of padding stand before the first
};

// Columns `first` to `first + count` of the output channels of blocks `block` to `blocks`; a block has CONV_CHANNELS.
// Offsets, scales and biases have a number per channel of whole blocks.
struct ConvTile {
  ConvShape shape;
  const void* packed;  // weights, as the path's `pack` left them
  // Conv reads bytes, [columns, in]. out = (sum of weight * byte + offset) * scale + bias + added
  const std::uint8_t* bytes;
  std::uint8_t zero;
  // FloatConv reads floats, [columns, in], and rounds a tile's to integers of its own step, `most` of which are the
  // tile's largest. out = sum of weight * integer * scale * step + bias + added
  const float* floats;
  int most;
  std::int64_t columns, first, count, block, blocks;
  const std::int32_t* offsets;
  const float *scales, *biases;
  const float* added;  // [columns, out], or null
  float* out;          // [columns, out]; may be `added`
  float* moments;      // [MOMENTS, out] of this tile's columns, or null
  void* scratch;
};

// One block of output channels, as a kernel sees it. Distances count elements of the prepared input.
template <class Weight>
struct ConvBlock {
  const Weight* weights;
  const std::int32_t* offsets;
  std::int64_t taps, groups, tap_distance, column_distance;
};

// A path's implementation of Conv or of FloatConv.
struct ConvPath {
  int shift;  // what its kernel subtracts from each byte, which the offsets make good
  std::int64_t (*packed_bytes)(const ConvShape& shape);
  // `weights` are [out, in, taps]: -127..127 for Conv. `totals` receives the sum of each channel's weights.
  void (*pack)(const ConvShape& shape, const std::int16_t* weights, void* packed, std::int32_t* totals);
  std::int64_t (*scratch_bytes)(const ConvShape& shape, std::int64_t count);
  void (*run)(const ConvTile& tile);
};

constexpr std::int64_t whole_blocks(std::int64_t channels) { return (channels + CONV_CHANNELS - 1) / CONV_CHANNELS; }

}  // namespace kokoro_npu
