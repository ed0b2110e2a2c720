// The path without vector instructions: the reference of every other path, and the one for any other processor.
#include "layout_loops.hpp"
#include "row_loops.hpp"

namespace kokoro_npu {
namespace {

bool always() { return true; }

}  // namespace

extern const Path PLAIN;
const Path PLAIN{"plain", always, adain, to_rows, from_rows, add_bytes};

}  // namespace kokoro_npu
