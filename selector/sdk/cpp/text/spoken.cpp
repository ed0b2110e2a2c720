#include "spoken.hpp"

#include <cmath>

#include "markup.hpp"
#include "spacing.hpp"
#include "spoken_form.hpp"
#include "utf8.hpp"

namespace kokoro_npu {
namespace {

// A pause as it may be typed, in whole milliseconds.
std::u32string typed_pause(double seconds) {
    return U"[pause:" + reading::decoded(std::to_string(std::llround(seconds * 1000))) + U"ms]";
}

}  // namespace

std::string spoken(std::string_view text, std::string_view language, const reading::Lexicon& lexicon) {
    std::u32string out;
    const auto add = [&](const std::u32string& part) {
        if (!part.empty()) out += (out.empty() ? U"" : U" ") + part;
    };
    for (const reading::SpokenPassage& passage : reading::read_markup(reading::decoded(text)).passages) {
        std::vector<std::u32string> lines;
        for (const std::u32string_view line : reading::divided(passage.text, U'\n'))
            lines.push_back(reading::spoken_form(line, language, lexicon));
        add(reading::joined(lines, U"\n"));
        if (passage.pause) add(typed_pause(*passage.pause));
    }
    return reading::encoded(reading::stripped(out));
}

std::string spoken_words(std::string_view text, std::string_view language, const reading::Lexicon& lexicon) {
    return reading::encoded(reading::spoken_form(reading::decoded(text), language, lexicon));
}

}  // namespace kokoro_npu
