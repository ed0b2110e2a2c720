// Which language says which letters of a text: espeak has a voice for each of these scripts, and some nobody can say.
//
// The same ranges as export_onnx/text/scripts.py, which says why; the shared vectors compare.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "phonemes/characters_of_words.hpp"

namespace kokoro_npu {
namespace detail {

struct Script {
    char32_t first, last;
    const char* language;
};
inline constexpr Script scripts[] = {
    {0x370, 0x3FF, "el"},   {0x1F00, 0x1FFF, "el"}, {0x400, 0x52F, "ru"},   {0x531, 0x58F, "hy"},   {0x591, 0x5F4, "he"},
    {0x600, 0x6FF, "ar"},   {0x900, 0x97F, "hi"},   {0x980, 0x9FF, "bn"},   {0xA00, 0xA7F, "pa"},   {0xA80, 0xAFF, "gu"},
    {0xB80, 0xBFF, "ta"},   {0xC00, 0xC7F, "te"},   {0xC80, 0xCFF, "kn"},   {0xD00, 0xD7F, "ml"},   {0x10A0, 0x10FF, "ka"},
    {0x1100, 0x11FF, "ko"}, {0x3130, 0x318F, "ko"}, {0xAC00, 0xD7A3, "ko"}};
inline constexpr Span unsaid[] = {
    {0xE00, 0xEFF},   {0x1000, 0x109F}, {0x1200, 0x139F}, {0x1780, 0x17FF},  {0x3005, 0x3007},
    {0x3041, 0x30FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};

inline bool is_unsaid(char32_t c) { return among(unsaid, c); }

inline const Script* script_of(char32_t c) {
    for (const Script& script : scripts)
        if (c >= script.first && c <= script.last) return &script;
    return nullptr;
}

// A part of a text, and who says it: a language, or nobody.
struct ScriptRun {
    std::string text, language;
    bool said = true;
};

// A language says its own script, Latin letters, digits and marks; some, such as Thai, say what nobody says elsewhere.
inline std::vector<ScriptRun> script_runs(std::string_view text, const std::string& language) {
    const std::string base = language.substr(0, language.find('-'));
    const bool says_all = std::string(" am bo cmn hak km lo my si th yue ").find(" " + base + " ") != std::string::npos;
    const std::u32string all = decoded(text);
    std::vector<ScriptRun> out;
    std::u32string plain;
    const auto flush = [&] {
        if (!plain.empty()) out.push_back({encoded(plain), language, true});
        plain.clear();
    };
    for (std::size_t i = 0; i < all.size();) {
        const Script* script = script_of(all[i]);
        const bool nobody = !script && is_unsaid(all[i]);
        std::size_t end = i + 1;
        if (nobody) {
            while (end < all.size() && is_unsaid(all[end])) ++end;
        } else if (script) {
            for (std::size_t k = end; k < all.size(); ++k) {
                if (script_of(all[k]) == script) end = k + 1;
                else if (!is_space(all[k])) break;
            }
        }
        if ((!nobody && !script) || (nobody && says_all) || (script && base == script->language)) {
            plain.append(all, i, end - i);
        } else {
            flush();
            out.push_back({encoded(std::u32string_view(all).substr(i, end - i)), script ? script->language : "", !nobody});
        }
        i = end;
    }
    flush();
    return out;
}

}  // namespace detail
}  // namespace kokoro_npu
