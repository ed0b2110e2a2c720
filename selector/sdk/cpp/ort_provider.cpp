#include "ort_provider.hpp"

#include <mutex>
#include <unordered_map>
#include <vector>

#ifdef __ANDROID__
#include <dlfcn.h>
#endif

namespace kokoro_npu {
namespace {

[[noreturn]] void refuse_provider(const std::string& expected, const std::string& got) {
    throw Error(Fault::device, "provider", expected, got, "Use an ONNX Runtime that has it, or the CPU.");
}

#ifdef __ANDROID__
// Looked up by name: an ONNX Runtime without NNAPI is then refused instead of not linking. Flags as in
// nnapi_provider_factory.h.
void append_nnapi(Ort::SessionOptions& options, const std::map<std::string, std::string>& named) {
    using Append = OrtStatus* (*)(OrtSessionOptions*, std::uint32_t);
    const auto append = reinterpret_cast<Append>(dlsym(RTLD_DEFAULT, "OrtSessionOptionsAppendExecutionProvider_Nnapi"));
    if (!append) refuse_provider("NNAPI", "an ONNX Runtime that was built without it");
    static const std::map<std::string, std::uint32_t> flags = {{"NNAPI_FLAG_USE_FP16", 1},
                                                               {"NNAPI_FLAG_USE_NCHW", 2},
                                                               {"NNAPI_FLAG_CPU_DISABLED", 4},
                                                               {"NNAPI_FLAG_CPU_ONLY", 8}};
    std::uint32_t set = 0;
    for (const auto& [name, value] : named) {
        const auto flag = flags.find(name);
        if (flag == flags.end()) refuse_provider("a flag of NNAPI", name);
        if (value == "1") set |= flag->second;
    }
    Ort::ThrowOnError(append(options, set));
}
#endif

// A provider in a library of its own: its NPU, else its first device. A library is registered once per process.
void append_plugin(Ort::Env& environment, Ort::SessionOptions& options, const ProviderOptions& wanted,
                   const std::string& plugin) {
    static std::mutex lock;
    const std::lock_guard<std::mutex> hold(lock);
    const auto offered = [&] {
        std::vector<Ort::ConstEpDevice> devices;
        for (const Ort::ConstEpDevice& device : environment.GetEpDevices())
            if (wanted.name == device.EpName()) devices.push_back(device);
        return devices;
    };
    if (offered().empty()) environment.RegisterExecutionProviderLibrary(wanted.name.c_str(), plugin);
    const std::vector<Ort::ConstEpDevice> devices = offered();
    if (devices.empty()) refuse_provider("a device of " + wanted.name, plugin + " offers none");
    Ort::ConstEpDevice chosen = devices.front();
    for (const Ort::ConstEpDevice& device : devices)
        if (device.Device().Type() == OrtHardwareDeviceType_NPU) chosen = device;
    Ort::KeyValuePairs pairs;
    for (const auto& [key, value] : wanted.options) pairs.Add(key.c_str(), value.c_str());
    options.AppendExecutionProvider_V2(environment, {chosen}, pairs);
}

}  // namespace

std::shared_ptr<Ort::Env> ort_environment() {
    static std::mutex lock;
    static std::weak_ptr<Ort::Env> kept;
    const std::lock_guard<std::mutex> hold(lock);
    if (auto environment = kept.lock()) return environment;
    if (OrtGetApiBase()->GetApi(ORT_API_VERSION) == nullptr)
        throw Error(Fault::device, "ONNX Runtime", "1." + std::to_string(ORT_API_VERSION) + " or newer",
                    OrtGetApiBase()->GetVersionString(), "Ship a newer libonnxruntime.so.");
    auto environment = std::make_shared<Ort::Env>(ORT_LOGGING_LEVEL_ERROR, "kokoro-npu");
    environment->DisableTelemetryEvents();
    kept = environment;
    return environment;
}

Ort::SessionOptions session_options(Ort::Env& environment, const ProviderOptions& wanted, int threads,
                                    const std::string& plugin) {
    Ort::SessionOptions options;
    options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_ERROR);
    options.SetIntraOpNumThreads(threads);
    options.SetGraphOptimizationLevel(wanted.optimized ? ORT_ENABLE_ALL : ORT_DISABLE_ALL);
    for (const auto& [key, value] : wanted.session) options.AddConfigEntry(key.c_str(), value.c_str());
    if (wanted.name == "CPUExecutionProvider") return options;  // always there, and last
    if (!plugin.empty()) {
        append_plugin(environment, options, wanted, plugin);
    } else if (wanted.name == "NnapiExecutionProvider") {
#ifdef __ANDROID__
        append_nnapi(options, wanted.options);
#else
        refuse_provider("NNAPI", "a system that is not Android");
#endif
    } else if (wanted.name == "QNNExecutionProvider") {
        options.AppendExecutionProvider("QNN", {wanted.options.begin(), wanted.options.end()});
    } else {
        refuse_provider("a provider that this engine knows", wanted.name);
    }
    return options;
}

}  // namespace kokoro_npu
