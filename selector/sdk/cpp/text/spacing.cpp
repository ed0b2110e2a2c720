#include "spacing.hpp"

#include <cstddef>

#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {

using View = std::u32string_view;
using Text = std::u32string;

View right_stripped(View text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

View stripped(View text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    return right_stripped(text);
}

std::vector<View> words_of(View text) {
    std::vector<View> out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        while (end < text.size() && !is_space(text[end])) ++end;
        if (end > at) out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

Text single_spaced(View text) {
    Text out;
    for (const View word : words_of(text)) {
        if (!out.empty()) out += U' ';
        out += word;
    }
    return out;
}

std::vector<View> divided(View text, char32_t mark) {
    std::vector<View> out;
    for (std::size_t at = 0;;) {
        const std::size_t end = text.find(mark, at);
        out.push_back(text.substr(at, end == View::npos ? View::npos : end - at));
        if (end == View::npos) return out;
        at = end + 1;
    }
}

Text joined(const std::vector<Text>& parts, View between) {
    Text out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) out += between;
        out += parts[i];
    }
    return out;
}

Text replaced(View text, View what, View by) {
    Text out;
    for (std::size_t at = 0;;) {
        const std::size_t found = text.find(what, at);
        out += text.substr(at, found == View::npos ? View::npos : found - at);
        if (found == View::npos) return out;
        out += by;
        at = found + what.size();
    }
}

Text spelled(View letters) {
    Text out;
    for (const char32_t c : letters) {
        if (!out.empty()) out += U' ';
        out += c;
    }
    return out;
}

}  // namespace kokoro_npu::reading
