// What a probe says of one NPU stage, as a line of text, and what follows from all of them.
#pragma once

#include <cstdio>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

#include "stage_chain.hpp"

namespace kokoro_npu {

struct StageProbe {
    std::string stage;
    double decibels = 0;  // of the worst output, against the CPU's
    double floor = 0;     // dB that the stage must reach
    double npu_ms = 0;    // the faster of two runs
    double cpu_ms = 0;
};

inline constexpr const char* probed_word = "PROBED";

inline std::string probe_line(const StageProbe& one) {
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << probed_word << ' ' << one.stage << ' ' << one.decibels << ' ' << one.floor << ' ' << one.npu_ms << ' '
        << one.cpu_ms;
    return out.str();
}

// Every line that begins with the word; others are a driver's.
inline std::vector<StageProbe> read_probes(const std::string& printed) {
    std::vector<StageProbe> out;
    std::istringstream lines(printed);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        fields.imbue(std::locale::classic());
        std::string word;
        StageProbe one;
        if (fields >> word >> one.stage >> one.decibels >> one.floor >> one.npu_ms >> one.cpu_ms && word == probed_word)
            out.push_back(one);
    }
    return out;
}

// The NPU, if every stage of `wanted` agrees with the CPU and all of them together are faster there.
inline Choice probe_verdict(const std::vector<StageProbe>& probes, const std::vector<std::string>& wanted) {
    const auto rounded = [](double value) {
        char text[32];
        std::snprintf(text, sizeof text, "%.1f", value);
        return std::string(text);
    };
    double npu = 0, cpu = 0;
    for (const std::string& stage : wanted) {
        const StageProbe* found = nullptr;
        for (const StageProbe& one : probes)
            if (one.stage == stage) found = &one;
        if (!found) return {false, "probe: " + stage + " did not finish"};
        if (!(found->decibels >= found->floor))
            return {false, "probe: " + stage + " disagrees with the CPU, " + rounded(found->decibels) + " dB of " +
                               rounded(found->floor)};
        npu += found->npu_ms;
        cpu += found->cpu_ms;
    }
    const std::string times = rounded(npu) + " ms against " + rounded(cpu) + " ms on the CPU";
    if (!(npu < cpu)) return {false, "probe: not faster, " + times};
    return {true, "probe: " + times};
}

}  // namespace kokoro_npu
