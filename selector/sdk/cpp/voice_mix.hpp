// The names of mixed voices: "a,b" is the mean of both, "a:0.7+b:0.3" weighs them; a single name is that voice.
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "error.hpp"

namespace kokoro_npu {

struct VoicePart {
    std::string name;
    double weight = 1;  // all weights of a mix add up to 1
};

// Splits a mix at commas and plus signs. A name that the package has is never split. Throws Error(package).
inline std::vector<VoicePart> voice_parts(const std::string& mix, const std::map<std::string, std::string>& known) {
    if (known.count(mix)) return {{mix, 1}};
    std::vector<VoicePart> parts;
    double total = 0;
    for (std::size_t from = 0, to = 0; to != std::string::npos; from = to + 1) {
        to = mix.find_first_of(",+", from);
        std::string name = mix.substr(from, to == std::string::npos ? to : to - from);
        const auto colon = name.rfind(':');
        double weight = 1;
        if (colon != std::string::npos && !known.count(name)) {
            const std::string digits = name.substr(colon + 1);
            char* end = nullptr;
            weight = std::strtod(digits.c_str(), &end);
            if (digits.empty() || *end != '\0' || !std::isfinite(weight) || !(weight > 0))
                throw Error(Fault::package, "voice '" + mix.substr(0, 60) + "'", "a weight above 0 behind each colon",
                            digits.substr(0, 20), "Write a mix as name:0.7+name:0.3.");
            name.resize(colon);
        }
        const auto first = name.find_first_not_of(' '), last = name.find_last_not_of(' ');
        parts.push_back({first == std::string::npos ? "" : name.substr(first, last - first + 1), weight});
        total += weight;
    }
    for (auto& part : parts) part.weight /= total;
    return parts;
}

}  // namespace kokoro_npu
