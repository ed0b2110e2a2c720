// The path for 64-bit ARM with products of matrices of bytes (ARMv8.6 and later: Cortex-A510, A710, X2 and newer).
#include <sys/auxv.h>

#include "neon_kernels.hpp"

#include "adain_loops.hpp"
#include "conv_loops.hpp"

namespace kokoro_npu {
namespace {

// usmmla multiplies two columns of eight bytes with two channels of eight weights, and adds the four sums to four
// integers, exactly. 24 registers hold sums, and 4 weights.
struct MatrixProduct {
  using Element = std::uint8_t;
  using Weight = std::int8_t;
  static constexpr int SHIFT = 0, GROUP = 8, COLUMNS = 12, PAIRS = COLUMNS / 2, VECTORS = 4;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    for (int channel = 0; channel < CONV_CHANNELS; channel += 2 * VECTORS) part(block, first, channel, out + channel);
  }

  static void part(const ConvBlock<Weight>& block, const Element* first, int channel, std::int32_t* out) {
    int32x4_t sums[PAIRS][VECTORS];
    for (int v = 0; v < VECTORS; ++v) {
      const int32x2_t offset = vld1_s32(block.offsets + channel + 2 * v);
      for (int i = 0; i < PAIRS; ++i) sums[i][v] = vcombine_s32(offset, offset);
    }
    const Weight* weights = block.weights + channel * GROUP;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group, weights += CONV_CHANNELS * GROUP) {
        int8x16_t row[VECTORS];
        for (int v = 0; v < VECTORS; ++v) row[v] = vld1q_s8(weights + 16 * v);
        for (int i = 0; i < PAIRS; ++i) {
          const Element* columns = first + 2 * i * block.column_distance + group * GROUP;
          const uint8x16_t input = vcombine_u8(vld1_u8(columns), vld1_u8(columns + block.column_distance));
          for (int v = 0; v < VECTORS; ++v) sums[i][v] = vusmmlaq_s32(sums[i][v], input, row[v]);
        }
      }
    }
    for (int i = 0; i < PAIRS; ++i) {
      for (int v = 0; v < VECTORS; ++v) {
        vst1_s32(out + 2 * i * CONV_CHANNELS + 2 * v, vget_low_s32(sums[i][v]));
        vst1_s32(out + (2 * i + 1) * CONV_CHANNELS + 2 * v, vget_high_s32(sums[i][v]));
      }
    }
  }
};

bool has_matrix_product() {
  constexpr unsigned long I8MM = 1ul << 13;  // of Linux's AT_HWCAP2
  return (getauxval(AT_HWCAP2) & I8MM) != 0;
}

}  // namespace

extern const Path I8MM;
const Path I8MM{"i8mm", has_matrix_product, moments, activate, add,
                &ConvLoops<MatrixProduct, false>::PATH, &ConvLoops<NeonWords, true>::PATH};

}  // namespace kokoro_npu
