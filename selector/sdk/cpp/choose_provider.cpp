#include "choose_provider.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "device_identity.hpp"
#include "probe_child.hpp"
#include "probe_verdict.hpp"
#include "sha256.hpp"

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

std::vector<std::string> npu_stages(const Package& package) {
    std::vector<std::string> out;
    for (const StageContract& stage : package.manifest().stages)
        if (stage.on_npu) out.push_back(stage.name);
    return out;
}

// What receipts say of this device, if they say anything.
bool receipts_say(const Package& package, const DeviceIdentity& device, Choice& choice) {
    const Manifest& manifest = package.manifest();
    const auto& entries = device.soc.empty() ? manifest.models : manifest.socs;
    const auto found = entries.find(device.soc.empty() ? device.model : device.soc);
    if (found == entries.end()) return false;
    const auto failed = found->second.failed.find(manifest.target);
    choice.npu = found->second.use == manifest.target && failed == found->second.failed.end();
    choice.reason = "receipt of " + found->first + ": " +
                    (failed != found->second.failed.end() ? failed->second : "use " + found->second.use);
    return true;
}

// A probe's result holds for one device, system, package, provider library and ONNX Runtime.
std::string cache_file(const Package& package, const EngineOptions& options, const DeviceIdentity& device) {
    if (options.cache_folder.empty()) return {};
    Sha256 sum;
    for (const std::string& part : {device.soc, device.model, device.build, package.models_digest(), options.plugin,
                                    package.manifest().npu.name, std::string(OrtGetApiBase()->GetVersionString())}) {
        const std::string ended = part + '\0';
        sum.update(ended.data(), ended.size());
    }
    return options.cache_folder + "/kokoro-npu-" + sum.hex().substr(0, 32) + ".txt";
}

bool read_cached(const std::string& path, Choice& choice) {
    std::ifstream file(path);
    std::string first, reason;
    if (path.empty() || !std::getline(file, first) || !std::getline(file, reason)) return false;
    if (first != "npu" && first != "cpu") return false;
    choice = {first == "npu", reason + " (kept from before)"};
    return true;
}

void keep(const std::string& path, const Choice& choice) {
    if (path.empty()) return;
    const std::string work = path + "." + std::to_string(::getpid());
    {
        std::ofstream file(work);
        file << (choice.npu ? "npu" : "cpu") << '\n' << choice.reason << '\n';
        if (!file.flush()) return;  // a probe that cannot be kept is made again
    }
    std::rename(work.c_str(), path.c_str());
}

Choice probed(const Package& package, const EngineOptions& options) {
    const ChildAnswer answer = run_child(
        {options.probe_program, package.folder(), options.plugin, std::to_string(options.threads)},
        options.probe_seconds);
    const std::vector<StageProbe> probes = read_probes(answer.printed);
    if (answer.failure.empty()) return probe_verdict(probes, npu_stages(package));
    const std::vector<std::string> stages = npu_stages(package);
    const std::string at = probes.size() < stages.size() ? stages[probes.size()] : "end";
    const auto refused = answer.printed.find("REFUSED ");
    std::string said = refused == std::string::npos ? "" : ": " + answer.printed.substr(refused + 8, 200);
    std::replace(said.begin(), said.end(), '\n', ' ');
    return {false, "probe: " + at + " " + answer.failure + said};
}

// Contexts run on the NPU of their chip and nowhere else, and Qualcomm's runtime itself may run those of another chip
// and compute something else. So what speaks against the NPU is an error, and the app opens the package for cpu. A probe
// compares with the CPU, which runs no context: without a receipt, the app itself has to choose the NPU.
Choice choose_for_contexts(const Package& package, const EngineOptions& options, const DeviceIdentity& device) {
    const std::string& chip = package.manifest().contexts_chip;
    const auto refuse = [&](const std::string& expected, const std::string& got) {
        throw Error(Fault::device, package.manifest().package, expected, got, "Open the package for cpu.");
    };
    if (device.soc != chip && device.soc.rfind(chip + "-", 0) != 0)
        refuse("a device with the chip " + chip, device.soc.empty() ? "a device that does not name its chip" : device.soc);
    if (options.provider == ProviderChoice::cpu) refuse("the NPU of " + chip, "the app's choice of the CPU");
    if (options.provider == ProviderChoice::npu) return {true, "the app chose the NPU; contexts for " + chip};
    Choice choice;
    if (!receipts_say(package, device, choice)) refuse("a receipt of this chip, or the app's choice of the NPU", "neither");
    if (!choice.npu) refuse("a receipt that holds on " + device.soc, choice.reason);
    choice.reason += "; contexts for " + chip;
    return choice;
}

}  // namespace

Choice choose_provider(const Package& package, const EngineOptions& options) {
    if (npu_stages(package).empty()) return {false, "the package runs every stage on the CPU"};
    DeviceIdentity device = this_device();
    if (!options.soc.empty()) device.soc = options.soc;
    if (!options.model.empty()) device.model = options.model;
    if (!package.manifest().contexts_chip.empty()) return choose_for_contexts(package, options, device);
    if (options.provider == ProviderChoice::cpu) return {false, "the app chose the CPU"};
    if (options.provider == ProviderChoice::npu) return {true, "the app chose the NPU"};
    Choice choice;
    if (receipts_say(package, device, choice)) return choice;
    const std::string cached = cache_file(package, options, device);
    if (read_cached(cached, choice)) return choice;
    if (options.probe_program.empty()) return {false, "no receipt of this device, and no program to probe it"};
    choice = probed(package, options);
    keep(cached, choice);
    return choice;
}

std::string placement_report(const Package& package, const Placement& placement, const OperatorChoice& operators,
                             std::size_t open_sessions) {
    return "{\"package\": " + quoted(package.manifest().package) + ", \"target\": " + quoted(package.manifest().target) +
           ", \"npu\": " + (placement.npu() ? "true" : "false") + ", \"reason\": " + quoted(placement.reason()) +
           ", \"fused_operators\": " + (operators.fused ? "true" : "false") +
           ", \"operators_reason\": " + quoted(operators.reason) +
           ", \"open_sessions\": " + std::to_string(open_sessions) + "}";
}

}  // namespace kokoro_npu
