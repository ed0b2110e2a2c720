// Words of whole numbers in Spanish, French, Italian and Brazilian Portuguese, as num2words says them without commas
// and hyphens. Numbers are below a thousand million.
#pragma once

#include <cstdint>

#include "pattern.hpp"

namespace kokoro_npu::reading {

enum class Numbers : std::uint8_t { spanish, french, italian, portuguese, none };

Text foreign_cardinal(std::uint64_t number, Numbers language);
Text foreign_ordinal(std::uint64_t number, Numbers language);  // masculine

}  // namespace kokoro_npu::reading
