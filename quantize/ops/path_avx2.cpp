// The path for x86-64 with AVX2 and FMA, which is every x86-64 of the last ten years.
#include <immintrin.h>

#include "adain_loops.hpp"
#include "conv_loops.hpp"

namespace kokoro_npu {
namespace {

// Bytes and weights are widened to 16 bits before vpmaddwd multiplies them: the instruction for bytes, vpmaddubsw, adds
// two products in 16 bits, which do not hold 2 * 255 * 127.
struct Widened {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  static constexpr int SHIFT = 0, GROUP = 2, COLUMNS = 6, VECTORS = 2;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    for (int channel = 0; channel < CONV_CHANNELS; channel += 8 * VECTORS) part(block, first, channel, out + channel);
  }

  // 16 channels: 12 registers hold sums, and 2 hold weights.
  static void part(const ConvBlock<Weight>& block, const Element* first, int channel, std::int32_t* out) {
    __m256i sums[COLUMNS][VECTORS];
    for (int v = 0; v < VECTORS; ++v) {
      const __m256i offset = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.offsets + channel + 8 * v));
      for (int i = 0; i < COLUMNS; ++i) sums[i][v] = offset;
    }
    const Weight* weights = block.weights + channel * GROUP;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group, weights += CONV_CHANNELS * GROUP) {
        __m256i row[VECTORS];
        for (int v = 0; v < VECTORS; ++v) {
          row[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + 16 * v));
        }
        for (int i = 0; i < COLUMNS; ++i) {
          std::int32_t two;
          std::memcpy(&two, first + i * block.column_distance + group * GROUP, sizeof two);
          const __m256i pair = _mm256_set1_epi32(two);
          for (int v = 0; v < VECTORS; ++v) {
            sums[i][v] = _mm256_add_epi32(sums[i][v], _mm256_madd_epi16(pair, row[v]));
          }
        }
      }
    }
    for (int i = 0; i < COLUMNS; ++i) {
      for (int v = 0; v < VECTORS; ++v) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i * CONV_CHANNELS + 8 * v), sums[i][v]);
      }
    }
  }
};

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace

extern const Path AVX2;
const Path AVX2{"avx2", has_avx2, moments, activate, add,
            &ConvLoops<Widened, false>::PATH, &ConvLoops<Widened, true>::PATH};

}  // namespace kokoro_npu
