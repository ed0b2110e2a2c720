// Files of raw numbers, read into and written from memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace runner {

// The whole file. Throws std::runtime_error where it cannot be read.
std::vector<char> read_bytes(const std::string& path);

// All of `bytes`, or an exception: a full disk must not leave half an output that looks whole.
void write_bytes(const std::string& path, const void* bytes, std::size_t size);

}  // namespace runner
