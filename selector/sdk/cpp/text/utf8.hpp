// UTF-8 and code points, strictly: a byte that is no UTF-8 is a space, as for the splitter.
#pragma once

#include <string>
#include <string_view>

namespace kokoro_npu::reading {

std::u32string decoded(std::string_view bytes);
std::string encoded(std::u32string_view text);

}  // namespace kokoro_npu::reading
