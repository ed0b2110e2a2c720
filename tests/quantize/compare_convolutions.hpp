// The convolutions of a path against float64, for compare_paths.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "compare_numbers.hpp"
#include "path.hpp"

namespace {

using namespace kokoro_npu;

struct ConvDistance {
  long wrong = 0;
  double moments = 200, floats = 200;
};

// One convolution on a path, in tiles and in single blocks; `tile` has the input. It is added to `added`, if that is
// there, in place; `moments` receives each tile's, one after the other.
std::vector<float> convolve(const ConvPath& conv, ConvTile tile, const std::vector<std::int16_t>& weights, int zero,
                            const std::vector<float>& added = {}, std::vector<float>* moments = nullptr) {
  const ConvShape& shape = tile.shape;
  const std::int64_t blocks = whole_blocks(shape.out);
  const auto channels = static_cast<std::size_t>(blocks * CONV_CHANNELS);
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(conv.packed_bytes(shape)));
  std::vector<std::int32_t> totals(channels), offsets(channels);
  std::vector<float> scales(channels, 1), biases(channels), out(static_cast<std::size_t>(shape.out * tile.columns));
  conv.pack(shape, weights.data(), packed.data(), totals.data());
  for (std::size_t i = 0; i < channels; ++i) offsets[i] = (conv.shift - zero) * totals[i];
  tile.packed = packed.data();
  tile.offsets = offsets.data();
  tile.scales = scales.data();
  tile.biases = biases.data();
  if (!added.empty()) out = added;
  tile.out = out.data();
  tile.added = added.empty() ? nullptr : out.data();
  const auto parts = static_cast<std::size_t>((tile.columns + CONV_COLUMNS - 1) / CONV_COLUMNS * MOMENTS * shape.out);
  if (moments) moments->resize(parts);
  for (; tile.first < tile.columns; tile.first += CONV_COLUMNS) {
    tile.count = tile.columns - tile.first < CONV_COLUMNS ? tile.columns - tile.first : CONV_COLUMNS;
    std::vector<std::uint8_t> scratch(static_cast<std::size_t>(conv.scratch_bytes(shape, tile.count)));
    tile.scratch = scratch.data();
    if (moments) tile.moments = moments->data() + tile.first / CONV_COLUMNS * MOMENTS * shape.out;
    for (tile.block = 0; tile.block < blocks; ++tile.block) {
      tile.blocks = tile.block + 1;
      conv.run(tile);
    }
  }
  return out;
}

// How far moments are from those of the tiles of `out`, [columns, channels], in float64.
double moments_apart(const std::vector<float>& moments, const std::vector<float>& out, std::int64_t channels) {
  const auto columns = static_cast<std::int64_t>(out.size()) / channels;
  std::vector<float> wanted;
  for (std::int64_t first = 0; first < columns; first += CONV_COLUMNS) {
    const std::int64_t end = first + CONV_COLUMNS < columns ? first + CONV_COLUMNS : columns;
    std::vector<double> means, squares;
    for (std::int64_t j = 0; j < channels; ++j) {
      double mean = 0, around = 0;
      for (std::int64_t i = first; i < end; ++i) mean += static_cast<double>(out[i * channels + j]);
      mean /= static_cast<double>(end - first);
      for (std::int64_t i = first; i < end; ++i) {
        const double distance = static_cast<double>(out[i * channels + j]) - mean;
        around += distance * distance;
      }
      means.push_back(mean);
      squares.push_back(around);
    }
    for (const double mean : means) wanted.push_back(static_cast<float>(mean));
    for (const double around : squares) wanted.push_back(static_cast<float>(around));
    for (std::int64_t j = 0; j < channels; ++j) wanted.push_back(static_cast<float>(end - first));
  }
  return distance(wanted, moments);
}

ConvDistance convolutions(const Path& path, bool defect) {
  ConvDistance found;
  state = 1;
  const ConvShape shapes[] = {{1, 1, 1, 1, 0},    {3, 5, 3, 1, 1},   {22, 64, 7, 3, 9}, {66, 65, 1, 1, 0},
                              {16, 17, 11, 1, 5}, {9, 70, 11, 5, 25}, {34, 3, 3, 5, 5},  {128, 128, 3, 1, 1}};
  for (const ConvShape& shape : shapes) {
    for (const int columns : {1, 5, 48, 49, 800}) {
      const auto size = static_cast<std::size_t>(shape.in * columns);
      std::vector<std::uint8_t> bytes(size);
      std::vector<float> floats(size);
      std::vector<std::int16_t> weights(static_cast<std::size_t>(shape.in * shape.out * shape.taps));
      for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(random_number(0, 2) < 1 ? random_number(0, 256) : 255);
        floats[i] = random_number(-3, 5);
      }
      for (auto& weight : weights) {
        weight = static_cast<std::int16_t>(random_number(0, 2) < 1 ? random_number(-127, 128) : 127);
      }
      constexpr int ZERO = 131;
      ConvTile tile{};
      tile.shape = shape;
      tile.columns = columns;
      tile.bytes = bytes.data();
      tile.zero = defect ? ZERO + 1 : ZERO;
      const auto whole = convolve(*path.conv, tile, weights, tile.zero);
      const std::vector<float> added = numbers(shape.out * columns, -9, 9);
      std::vector<float> moments;
      const auto more = convolve(*path.conv, tile, weights, tile.zero, added, &moments);
      for (std::size_t i = 0; i < more.size(); ++i) found.wrong += more[i] != whole[i] + added[i];
      if (defect) moments[0] += 1 + std::fabs(moments[0]);
      found.moments = std::fmin(found.moments, moments_apart(moments, more, shape.out));
      tile.floats = floats.data();
      tile.most = 2047;
      tile.shape.left += defect;
      const auto real = convolve(*path.float_conv, tile, weights, 0);
      double signal = 1e-9, error = 0;
      for (std::int64_t out = 0; out < shape.out; ++out) {
        for (int column = 0; column < columns; ++column) {
          std::int64_t sum = 0;
          double wanted = 0;
          for (std::int64_t tap = 0; tap < shape.taps; ++tap) {
            const std::int64_t at = column - shape.left + tap * shape.dilation;
            if (at < 0 || at >= columns) continue;
            for (std::int64_t in = 0; in < shape.in; ++in) {
              const int weight = weights[static_cast<std::size_t>((out * shape.in + in) * shape.taps + tap)];
              sum += weight * (bytes[static_cast<std::size_t>(at * shape.in + in)] - ZERO);
              wanted += weight * static_cast<double>(floats[static_cast<std::size_t>(at * shape.in + in)]);
            }
          }
          const auto place = static_cast<std::size_t>(column * shape.out + out);
          found.wrong += whole[place] != static_cast<float>(sum);
          signal += wanted * wanted;
          error += (wanted - real[place]) * (wanted - real[place]);
        }
      }
      found.floats = std::fmin(found.floats, decibels(signal, error));
    }
  }
  return found;
}

}  // namespace
