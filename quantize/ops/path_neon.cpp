// The path for 64-bit ARM, where NEON is always there.
#include <arm_neon.h>

#include "adain_row.hpp"

namespace kokoro_npu {
namespace {

// 16 bytes at once: four look-ups of 64 entries each. An index outside of a look-up's entries leaves the result as it is.
void look_up(const std::uint8_t* table, const std::uint8_t* bytes, std::int64_t count, std::uint8_t* out) {
  const uint8x16x4_t a = vld1q_u8_x4(table), b = vld1q_u8_x4(table + 64);
  const uint8x16x4_t c = vld1q_u8_x4(table + 128), d = vld1q_u8_x4(table + 192);
  const uint8x16_t entries = vdupq_n_u8(64);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    uint8x16_t index = vld1q_u8(bytes + i);
    uint8x16_t found = vqtbl4q_u8(a, index);
    index = vsubq_u8(index, entries);
    found = vqtbx4q_u8(found, b, index);
    index = vsubq_u8(index, entries);
    found = vqtbx4q_u8(found, c, index);
    index = vsubq_u8(index, entries);
    vst1q_u8(out + i, vqtbx4q_u8(found, d, index));
  }
  for (; i < count; ++i) out[i] = table[bytes[i]];
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

extern const Path NEON;
const Path NEON{"neon", always, adain, to_rows, from_rows, add_bytes};

}  // namespace kokoro_npu
