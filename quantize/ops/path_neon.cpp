// The path for 64-bit ARM, where NEON is always there.
#include "neon_kernels.hpp"

#include "adain_loops.hpp"
#include "conv_loops.hpp"

namespace kokoro_npu {
namespace {

bool always() { return true; }

}  // namespace

extern const Path NEON;
const Path NEON{"neon", always, moments, activate, add, &ConvLoops<NeonBytes, false>::PATH,
                &ConvLoops<NeonWords, true>::PATH};

}  // namespace kokoro_npu
