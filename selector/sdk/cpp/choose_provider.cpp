#include "choose_provider.hpp"

#include <algorithm>

namespace kokoro_npu {
namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') out += '\\';
        out += byte < 0x20 ? ' ' : c;
    }
    return out + "\"";
}

}  // namespace

Choice choose_provider(const Package& package, const EngineOptions& options) {
    const auto& stages = package.manifest().stages;
    const bool any = std::any_of(stages.begin(), stages.end(), [](const StageContract& s) { return s.on_npu; });
    if (!any) return {false, "the package runs every stage on the CPU"};
    if (options.provider == ProviderChoice::cpu) return {false, "the app chose the CPU"};
    if (options.provider == ProviderChoice::npu) return {true, "the app chose the NPU"};
    return {false, "no receipt of this device"};
}

std::string placement_report(const Package& package, const Placement& placement, std::size_t open_sessions) {
    return "{\"package\": " + quoted(package.manifest().package) + ", \"target\": " + quoted(package.manifest().target) +
           ", \"npu\": " + (placement.npu() ? "true" : "false") + ", \"reason\": " + quoted(placement.reason()) +
           ", \"open_sessions\": " + std::to_string(open_sessions) + "}";
}

}  // namespace kokoro_npu
