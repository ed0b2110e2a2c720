#include <cstring>

#include "path.hpp"

namespace kokoro_npu {

#if defined(__x86_64__)
extern const Path AVX512;
extern const Path AVX2;
#elif defined(__aarch64__)
extern const Path I8MM;
extern const Path DOTPROD;
extern const Path NEON;
#endif
extern const Path PLAIN;

const Path* const PATHS[] = {
#if defined(__x86_64__)
    &AVX512, &AVX2,
#elif defined(__aarch64__)
    &I8MM, &DOTPROD, &NEON,
#endif
    &PLAIN,
};
const int PATH_COUNT = static_cast<int>(sizeof PATHS / sizeof PATHS[0]);

const Path* choose_path(const char* name) {
  for (const Path* path : PATHS) {
    if (path->supported() && (!name || std::strcmp(name, path->name) == 0)) return path;
  }
  return nullptr;
}

}  // namespace kokoro_npu
