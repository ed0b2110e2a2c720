// From channels last to one row per channel and back, in tiles of 16 x 16 bytes. Included by every path.
#pragma once

#include <cstring>

#include "adain_row.hpp"

namespace kokoro_npu {
namespace {

typedef std::uint8_t Bytes16 __attribute__((vector_size(16)));

inline Bytes16 load16(const std::uint8_t* from) {
  Bytes16 bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

// Interleaving rows i and i + 8 four times transposes 16 rows of 16 bytes.
inline void transpose_tile(Bytes16* tile) {
  for (int round = 0; round < 4; ++round) {
    Bytes16 next[16];
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = __builtin_shufflevector(tile[i], tile[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] =
          __builtin_shufflevector(tile[i], tile[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; ++i) tile[i] = next[i];
  }
}

constexpr std::int64_t EDGE = 16;  // of a tile

void to_rows(const std::uint8_t* from, std::int64_t channels, std::int64_t columns, std::uint8_t* rows,
             std::int64_t stride) {
  const std::int64_t whole_columns = columns / EDGE * EDGE, whole_channels = channels / EDGE * EDGE;
  for (std::int64_t first = 0; first < whole_channels; first += EDGE) {
    for (std::int64_t column = 0; column < whole_columns; column += EDGE) {
      Bytes16 tile[EDGE];
      for (int i = 0; i < EDGE; ++i) tile[i] = load16(from + (column + i) * channels + first);
      transpose_tile(tile);
      for (int i = 0; i < EDGE; ++i) std::memcpy(rows + (first + i) * stride + column, &tile[i], sizeof tile[i]);
    }
  }
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    const std::int64_t start = channel < whole_channels ? whole_columns : 0;
    for (std::int64_t i = start; i < columns; ++i) rows[channel * stride + i] = from[i * channels + channel];
  }
}

void from_rows(const std::uint8_t* rows, std::int64_t stride, std::int64_t channels, std::int64_t columns,
               std::uint8_t* to) {
  const std::int64_t whole_columns = columns / EDGE * EDGE, whole_channels = channels / EDGE * EDGE;
  for (std::int64_t first = 0; first < whole_channels; first += EDGE) {
    for (std::int64_t column = 0; column < whole_columns; column += EDGE) {
      Bytes16 tile[EDGE];
      for (int i = 0; i < EDGE; ++i) tile[i] = load16(rows + (first + i) * stride + column);
      transpose_tile(tile);
      for (int i = 0; i < EDGE; ++i) std::memcpy(to + (column + i) * channels + first, &tile[i], sizeof tile[i]);
    }
  }
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    const std::int64_t start = channel < whole_channels ? whole_columns : 0;
    for (std::int64_t i = start; i < columns; ++i) to[i * channels + channel] = rows[channel * stride + i];
  }
}

}  // namespace
}  // namespace kokoro_npu
