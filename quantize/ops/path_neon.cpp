// The path for 64-bit ARM, where NEON is always there.
#include "neon_kernels.hpp"

#define KOKORO_NPU_LOOKUP look_up
#include "conv_loops.hpp"
#include "layout_loops.hpp"
#include "row_loops.hpp"

namespace kokoro_npu {
namespace {

bool always() { return true; }

}  // namespace

extern const Path NEON;
const Path NEON{"neon", always, adain, to_rows, from_rows, add_bytes, &ConvLoops<NeonBytes, false>::PATH,
                &ConvLoops<NeonWords, true>::PATH};

}  // namespace kokoro_npu
