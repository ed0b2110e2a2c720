#include "utf8.hpp"

#include <cstddef>

#include "words.hpp"

namespace kokoro_npu::reading {

std::u32string decoded(std::string_view bytes) {
    std::u32string out;
    out.reserve(bytes.size());
    for (std::size_t at = 0; at < bytes.size();) {
        const auto lead = static_cast<unsigned char>(bytes[at]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xC2 || lead > 0xF4 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        char32_t c = length < 2 ? lead : lead & (0xFFU >> (length + 1));
        bool whole = length > 0 && at + length <= bytes.size();
        for (std::size_t i = 1; whole && i < length; ++i) {
            const auto byte = static_cast<unsigned char>(bytes[at + i]);
            whole = (byte & 0xC0U) == 0x80U;
            c = (c << 6) | (byte & 0x3FU);
        }
        const char32_t least = length == 3 ? 0x800 : length == 4 ? 0x10000 : 0;
        whole = whole && c >= least && c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
        out += whole ? c : U' ';
        at += whole ? length : 1;
    }
    return out;
}

std::string encoded(std::u32string_view text) {
    std::string out;
    for (const char32_t c : text) detail::append_utf8(out, c);
    return out;
}

}  // namespace kokoro_npu::reading
