// The path without vector instructions: the reference of every other path, and the one for any other processor.
#include "adain_row.hpp"

namespace kokoro_npu {
namespace {

void look_up(const std::uint8_t* table, const std::uint8_t* bytes, std::int64_t count, std::uint8_t* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = table[bytes[i]];
}

}  // namespace
}  // namespace kokoro_npu

#define KOKORO_NPU_LOOKUP look_up
#include "layout_loops.hpp"
#include "row_loops.hpp"

namespace kokoro_npu {
namespace {

bool always() { return true; }

}  // namespace

extern const Path PLAIN;
const Path PLAIN{"plain", always, adain, to_rows, from_rows, add_bytes};

}  // namespace kokoro_npu
