// Mixes of voices: "a,b" is the mean of both, "a:0.7+b:0.3" weighs them. C++17, header only, no dependencies.
//
// The same as selector/choose/voice_mix.py. A row of a mix is the sum of weight x row over its voices, in double, rounded
// to float once. Weights are read digit by digit, so the locale does not matter.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace kokoro_npu {

// A voice in a mix; the weights of a mix add up to 1.
struct MixPart {
    std::string name;
    double weight = 1;
};

namespace detail {

// Up to nine digits, and up to nine behind a point; -1 for anything else.
inline double weight_of(const std::string& text) {
    double whole = 0, scale = 1;
    std::size_t digits = 0, behind = 0;
    bool point = false;
    for (const char c : text) {
        if (c == '.' && !point && digits > 0) {
            point = true;
        } else if (c >= '0' && c <= '9' && (point ? ++behind : ++digits) <= 9) {
            whole = whole * 10 + (c - '0');
            if (point) scale *= 10;
        } else {
            return -1;
        }
    }
    return digits == 0 || (point && behind == 0) ? -1 : whole / scale;
}

inline std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

}  // namespace detail

// The voices of a mix in the order in which they are written. `knows(name)`: whether the package has that voice; such a
// name is never taken apart. Throws std::invalid_argument.
template <class Knows>
std::vector<MixPart> mix_parts(const std::string& voice, const Knows& knows) {
    if (knows(voice)) return {{voice, 1}};
    std::vector<MixPart> parts;
    double total = 0;
    for (std::size_t from = 0, to = 0; to != std::string::npos; from = to + 1) {
        to = voice.find_first_of(",+", from);
        std::string name = voice.substr(from, to == std::string::npos ? to : to - from);
        double weight = 1;
        const auto colon = name.rfind(':');
        if (colon != std::string::npos && !knows(detail::trimmed(name))) {
            weight = detail::weight_of(name.substr(colon + 1));
            if (!(weight > 0)) throw std::invalid_argument("voice: expected a weight above 0 behind each colon of " + voice);
            name.resize(colon);
        }
        parts.push_back({detail::trimmed(name), weight});
        total += weight;
    }
    for (auto& part : parts) {
        if (!knows(part.name)) throw std::invalid_argument("voice: the package has no voice " + part.name);
        part.weight /= total;
    }
    return parts;
}

}  // namespace kokoro_npu
