// The path for x86-64 with AVX2 and FMA, which is every x86-64 of the last ten years.
#include "layout_loops.hpp"
#include "row_loops.hpp"

namespace kokoro_npu {
namespace {

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace

extern const Path AVX2;
const Path AVX2{"avx2", has_avx2, adain, to_rows, from_rows, add_bytes};

}  // namespace kokoro_npu
