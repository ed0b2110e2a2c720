// A file mapped into memory, read only: its pages are read when they are touched, and may be dropped again.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "error.hpp"

namespace kokoro_npu {

class MappedFile {
public:
    // Throws Error(package) where the file cannot be read.
    explicit MappedFile(const std::string& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat status {};
        if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
            const std::string got = file < 0 ? std::strerror(errno) : "no regular file";
            if (file >= 0) ::close(file);
            throw Error(Fault::package, path, "a file that can be read", got, "Check the path, or get the package again.");
        }
        size_ = static_cast<std::size_t>(status.st_size);
        if (size_ > 0) start_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
        const int error = errno;
        ::close(file);
        if (size_ > 0 && start_ == MAP_FAILED)
            throw Error(Fault::package, path, "memory to map it", std::strerror(error), "Close other programs.");
    }
    ~MappedFile() {
        if (size_ > 0) ::munmap(start_, size_);
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const char* data() const { return static_cast<const char*>(start_); }
    std::size_t size() const { return size_; }
    std::string_view text() const { return {data(), size_}; }

private:
    void* start_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace kokoro_npu
