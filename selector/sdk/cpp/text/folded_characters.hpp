// One form of each character (NFKC) before any rule reads it, without losing what the form means.
#pragma once

#include "pattern.hpp"

namespace kokoro_npu::reading {

// own_marks: the language's front end reads "。" and "、" itself.
Text folded_characters(View text, bool own_marks);

}  // namespace kokoro_npu::reading
