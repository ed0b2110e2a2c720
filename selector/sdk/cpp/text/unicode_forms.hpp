// Unicode's normal forms NFC and NFKC, by the tables that Python's unicodedata gave.
#pragma once

#include "pattern.hpp"

namespace kokoro_npu::reading {

Text composed_form(View text);        // NFC
Text compatible_form(char32_t c);     // NFKC of one character that is in NFC

}  // namespace kokoro_npu::reading
