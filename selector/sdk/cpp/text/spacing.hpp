// White space in texts: what Python's split, strip and join do with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kokoro_npu::reading {

std::u32string_view stripped(std::u32string_view text);
std::u32string_view right_stripped(std::u32string_view text);
std::vector<std::u32string_view> words_of(std::u32string_view text);  // Python's split()
std::u32string single_spaced(std::u32string_view text);               // " ".join(split())
std::vector<std::u32string_view> divided(std::u32string_view text, char32_t mark);
std::u32string joined(const std::vector<std::u32string>& parts, std::u32string_view between);
std::u32string replaced(std::u32string_view text, std::u32string_view what, std::u32string_view by);
std::u32string spelled(std::u32string_view letters);  // with a space between

}  // namespace kokoro_npu::reading
