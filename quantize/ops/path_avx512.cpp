// The path for x86-64 with AVX-512 and VBMI (Ice Lake, Zen 4 and later).
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
#include "layout_loops.hpp"
#include "row_loops.hpp"

namespace kokoro_npu {
namespace {

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi");
}

}  // namespace

extern const Path AVX512;
const Path AVX512{"avx512", has_avx512, adain, to_rows, from_rows, add_bytes};

}  // namespace kokoro_npu
