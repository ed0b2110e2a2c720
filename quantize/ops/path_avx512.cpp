// The path for x86-64 with AVX-512, VBMI and VNNI (Ice Lake, Zen 4 and later).
#include <immintrin.h>

#include "adain_row.hpp"

namespace kokoro_npu {
namespace {

// 64 bytes at once: the table lies in four registers. A permutation of two of them reads the lower seven bits of each
// byte, and the highest bit chooses between the two permutations.
void look_up(const std::uint8_t* table, const std::uint8_t* bytes, std::int64_t count, std::uint8_t* out) {
  const __m512i a = _mm512_loadu_si512(table), b = _mm512_loadu_si512(table + 64);
  const __m512i c = _mm512_loadu_si512(table + 128), d = _mm512_loadu_si512(table + 192);
  for (std::int64_t i = 0; i < count; i += 64) {
    const std::int64_t left = count - i;
    const __mmask64 used = left < 64 ? (__mmask64{1} << left) - 1 : ~__mmask64{0};
    const __m512i index = _mm512_maskz_loadu_epi8(used, bytes + i);
    const __m512i low = _mm512_permutex2var_epi8(a, index, b), high = _mm512_permutex2var_epi8(c, index, d);
    _mm512_mask_storeu_epi8(out + i, used, _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high));
  }
}

}  // namespace
}  // namespace kokoro_npu

#define KOKORO_NPU_LOOKUP look_up
#include "conv_loops.hpp"
#include "layout_loops.hpp"
#include "row_loops.hpp"

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
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

}  // namespace

extern const Path AVX512;
const Path AVX512{"avx512", has_avx512, adain, to_rows, from_rows, add_bytes,
            &ConvLoops<Vnni<std::uint8_t, std::int8_t>, false>::PATH, &ConvLoops<Vnni<std::int16_t, std::int16_t>, true>::PATH};

}  // namespace kokoro_npu
