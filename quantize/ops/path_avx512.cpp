// The path for x86-64 with AVX-512 and VNNI (Cascade Lake, Zen 4 and later).
#include <immintrin.h>

#include "adain_loops.hpp"
#include "conv_loops.hpp"

namespace kokoro_npu {
namespace {

// vpdpbusd adds four products of u8 and s8, and vpdpwssd two of s16, to each of 16 integers, exactly. 24 registers hold
// sums, and 4 hold weights.
template <class GivenElement, class GivenWeight>
struct Vnni {
  using Element = GivenElement;
  using Weight = GivenWeight;
  static constexpr int SHIFT = 0, GROUP = 4 / sizeof(Weight), COLUMNS = 6, VECTORS = 4;

  static void sums(const ConvBlock<Weight>& block, const Element* first, std::int32_t* out) {
    __m512i sums[COLUMNS][VECTORS];
    for (int v = 0; v < VECTORS; ++v) {
      const __m512i offset = _mm512_loadu_si512(block.offsets + 16 * v);
      for (int i = 0; i < COLUMNS; ++i) sums[i][v] = offset;
    }
    const Weight* weights = block.weights;
    for (std::int64_t tap = 0; tap < block.taps; ++tap, first += block.tap_distance) {
      for (std::int64_t group = 0; group < block.groups; ++group, weights += CONV_CHANNELS * GROUP) {
        __m512i row[VECTORS];
        for (int v = 0; v < VECTORS; ++v) row[v] = _mm512_loadu_si512(weights + 16 * GROUP * v);
        for (int i = 0; i < COLUMNS; ++i) {
          std::int32_t few;
          std::memcpy(&few, first + i * block.column_distance + group * GROUP, sizeof few);
          const __m512i input = _mm512_set1_epi32(few);
          for (int v = 0; v < VECTORS; ++v) {
            if constexpr (sizeof(Weight) == 1) {
              sums[i][v] = _mm512_dpbusd_epi32(sums[i][v], input, row[v]);
            } else {
              sums[i][v] = _mm512_dpwssd_epi32(sums[i][v], input, row[v]);
            }
          }
        }
      }
    }
    for (int i = 0; i < COLUMNS; ++i) {
      for (int v = 0; v < VECTORS; ++v) _mm512_storeu_si512(out + i * CONV_CHANNELS + 16 * v, sums[i][v]);
    }
  }
};

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

extern const Path AVX512;
const Path AVX512{"avx512", has_avx512, moments, activate, add,
                  &ConvLoops<Vnni<std::uint8_t, std::int8_t>, false>::PATH,
                  &ConvLoops<Vnni<std::int16_t, std::int16_t>, true>::PATH};

}  // namespace kokoro_npu
