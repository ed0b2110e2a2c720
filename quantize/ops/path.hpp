// One task's share of the operator AdaIN, and the table of every operator's implementations.
//
// A path is one compilation of the same loops (adain_loops.hpp, conv_loops.hpp) for one instruction set. Everything here
// is plain C++ without the standard library's templates: a template instantiated with AVX-512 in one file could be linked
// into the code that a computer without AVX-512 runs.
#pragma once

#include <cstdint>

#include "conv_tile.hpp"

namespace kokoro_npu {

// The value of a tensor, [columns, channels]: (byte - byte_zero) * byte_steps + added; `bytes` or `added` may be null.
struct AdainValue {
  std::int64_t channels;
  const std::uint8_t* bytes;
  int byte_zero;
  const float* byte_steps;  // per channel
  const float* added;
  float* sum;  // receives the value, and may be `added`; null where nobody reads it, unless both are given
};

// What becomes of the value. Parameters have one number per channel; outputs may be null, and are [columns, channels].
struct AdainEnd {
  const float *means, *gains, *shifts;      // x = (value - mean) * gain + shift
  const float *frequencies, *amplitudes;    // of Snake: x + amplitude * sin(frequency * x)^2; null for LeakyReLU
  float slope;                              // of LeakyReLU; 1 is no activation
  float* active;                            // the activated values, 0 on padding
  std::uint8_t* out;                        // round(active / step) + zero in 0..255, `zero` on padding
  float step;
  int zero;
};

// Columns in a task. Statistics are sums over these blocks, so that they do not depend on the number of threads.
constexpr std::int64_t ADAIN_COLUMNS = 128;

struct Path {
  const char* name;
  bool (*supported)();  // by the processor that asks
  // Columns first..end, of which those with a mask of 0 are padding; a null mask has none. Gives each channel's mean and
  // squared distances from it over the real columns, whose number it returns, and writes the sum.
  std::int64_t (*moments)(const AdainValue& value, const float* mask, std::int64_t first, std::int64_t end,
                          float* means, float* squares);
  // Bytes, floats or both of these columns.
  void (*activate)(const AdainValue& value, const AdainEnd& tail, const float* mask, std::int64_t first,
                   std::int64_t end);
  // Writes the sum of these columns, and nothing else.
  void (*add)(const AdainValue& value, std::int64_t first, std::int64_t end);
  const ConvPath *conv, *float_conv;
};

// The paths of this build, the fastest first; `plain` is the last and always supported.
extern const Path* const PATHS[];
extern const int PATH_COUNT;

// The fastest path that this processor supports, or the one that `name` asks for; null if there is no such path here.
const Path* choose_path(const char* name);

}  // namespace kokoro_npu
