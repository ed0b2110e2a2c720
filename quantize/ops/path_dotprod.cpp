// The path for 64-bit ARM with the dot product of four bytes (ARMv8.2 and later: Cortex-A55, A75 and newer).
#include <sys/auxv.h>

#include <cstring>

#include "neon_kernels.hpp"

#include "adain_loops.hpp"
#include "conv_loops.hpp"

namespace kokoro_npu {
namespace {

// sdot adds four products of signed bytes to each of four integers, exactly. 24 registers hold sums, and 4 weights.
struct DotProduct {
  using Element = std::int8_t;
  using Weight = std::int8_t;
  static constexpr int SHIFT = 128, GROUP = 4, COLUMNS = 6, VECTORS = 4;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    for (int channel = 0; channel < CONV_CHANNELS; channel += 4 * VECTORS) part(block, first, channel, out + channel);
  }

  static void part(const ConvBlock<Weight>& block, const Element* first, int channel, std::int32_t* out) {
    int32x4_t sums[COLUMNS][VECTORS];
    for (int i = 0; i < COLUMNS; ++i) {
      for (int v = 0; v < VECTORS; ++v) sums[i][v] = vld1q_s32(block.offsets + channel + 4 * v);
    }
    const Weight* weights = block.weights + channel * GROUP;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group, weights += CONV_CHANNELS * GROUP) {
        int8x16_t row[VECTORS];
        for (int v = 0; v < VECTORS; ++v) row[v] = vld1q_s8(weights + 16 * v);
        for (int i = 0; i < COLUMNS; ++i) {
          std::int32_t four;
          std::memcpy(&four, first + i * block.column_distance + group * GROUP, sizeof four);
          const int8x16_t input = vreinterpretq_s8_s32(vdupq_n_s32(four));
          for (int v = 0; v < VECTORS; ++v) sums[i][v] = vdotq_s32(sums[i][v], row[v], input);
        }
      }
    }
    for (int i = 0; i < COLUMNS; ++i) {
      for (int v = 0; v < VECTORS; ++v) vst1q_s32(out + i * CONV_CHANNELS + 4 * v, sums[i][v]);
    }
  }
};

bool has_dot_product() {
  constexpr unsigned long ASIMDDP = 1ul << 20;  // of Linux's AT_HWCAP
  return (getauxval(AT_HWCAP) & ASIMDDP) != 0;
}

}  // namespace

extern const Path DOTPROD;
const Path DOTPROD{"dotprod", has_dot_product, moments, activate, add,
                   &ConvLoops<DotProduct, false>::PATH, &ConvLoops<NeonWords, true>::PATH};

}  // namespace kokoro_npu
