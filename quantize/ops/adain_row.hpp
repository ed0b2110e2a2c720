// One channel's share of the operator AdaIN, and the table of its implementations.
//
// A path is one compilation of the same loops (row_loops.hpp) for one instruction set. Everything here is plain C++
// without the standard library's templates: a template instantiated with AVX-512 in one file could be linked into the
// code that a computer without AVX-512 runs.
#pragma once

#include <cstdint>

#include "conv_tile.hpp"

namespace kokoro_npu {

// Everything that AdaIN needs of one channel. Pointers are to `columns` elements.
struct AdainRow {
  std::int64_t columns;
  // The value is (byte - byte_zero) * byte_step + added; at least one of `bytes` and `added` is given.
  const std::uint8_t* bytes;
  float byte_step;
  int byte_zero;
  const float* added;
  float* sum;  // receives the value; null where nobody reads it, and never null where bytes and added are both given
  // 1 on real columns, 0 on padding; both null where every column is real. `real` is how many are.
  const float* mask;
  const std::uint8_t* byte_mask;  // 255 and 0
  double real;
  // gain * (value - mean) / sqrt(variance + epsilon) + shift, then the activation.
  float gain, shift, epsilon;
  bool snake;                  // x + amplitude * sin(frequency * x)^2, else LeakyReLU with `slope`
  float frequency, amplitude;  // of Snake
  float slope;                 // of LeakyReLU; 1 is no activation
  // `out` may be `bytes`. The outputs, of which one may be null: the activated values, 0 on padding; and round(activated / step) + zero in
  // 0..255, `zero` on padding.
  float* active;
  float step;
  int zero;
  std::uint8_t* out;
};

// Columns that are brought from the layout [columns, channels] to rows in one task, and back.
constexpr std::int64_t TILE = 256;

struct Path {
  const char* name;
  bool (*supported)();  // by the processor that asks
  void (*adain)(const AdainRow& row);
  // From [columns, channels] to rows that are `stride` bytes apart, and back.
  void (*to_rows)(const std::uint8_t* from, std::int64_t channels, std::int64_t columns, std::uint8_t* rows,
                  std::int64_t stride);
  void (*from_rows)(const std::uint8_t* rows, std::int64_t stride, std::int64_t channels, std::int64_t columns,
                    std::uint8_t* to);
  // out = (bytes - zero) * step + added; `out` may be `added`.
  void (*add_bytes)(const std::uint8_t* bytes, std::int64_t count, float step, int zero, const float* added,
                    float* out);
  const ConvPath *conv, *float_conv;
};

// The paths of this build, the fastest first; `plain` is the last and always supported.
extern const Path* const PATHS[];
extern const int PATH_COUNT;

// The fastest path that this processor supports, or the one that `name` asks for; null if there is no such path here.
const Path* choose_path(const char* name);

}  // namespace kokoro_npu
