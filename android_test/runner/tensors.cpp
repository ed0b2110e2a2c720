#include "tensors.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace runner {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw std::runtime_error(path + ": " + std::strerror(errno));
}

}  // namespace

std::vector<char> read_bytes(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) refuse(path);
  std::vector<char> bytes;
  char block[1 << 16];
  while (const std::size_t got = std::fread(block, 1, sizeof block, file)) bytes.insert(bytes.end(), block, block + got);
  const bool bad = std::ferror(file) != 0;
  std::fclose(file);
  if (bad) refuse(path);
  return bytes;
}

void write_bytes(const std::string& path, const void* bytes, std::size_t size) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) refuse(path);
  const bool whole = std::fwrite(bytes, 1, size, file) == size;
  if (std::fclose(file) != 0 || !whole) {  // the last block may only fail on closing
    const int reason = errno;
    std::remove(path.c_str());
    errno = reason;
    refuse(path);
  }
}

}  // namespace runner
