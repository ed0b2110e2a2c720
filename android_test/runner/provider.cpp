#include "provider.hpp"

#include <dlfcn.h>

#include <stdexcept>
#include <unordered_map>

namespace runner {
namespace {

using Map = std::map<std::string, std::string>;

// From nnapi_provider_factory.h.
const std::map<std::string, uint32_t> kNnapiFlags = {
    {"NNAPI_FLAG_USE_FP16", 1}, {"NNAPI_FLAG_USE_NCHW", 2}, {"NNAPI_FLAG_CPU_DISABLED", 4}, {"NNAPI_FLAG_CPU_ONLY", 8}};

// Looked up by name, so that one source builds against libraries with and without NNAPI.
void append_nnapi(const Map& named, Ort::SessionOptions& options, Result& result) {
  using Append = OrtStatus* (*)(OrtSessionOptions*, uint32_t);
  const auto append =
      reinterpret_cast<Append>(dlsym(RTLD_DEFAULT, "OrtSessionOptionsAppendExecutionProvider_Nnapi"));
  if (!append) throw std::runtime_error("this ONNX Runtime was built without NNAPI");
  for (const auto& [name, value] : named) {
    const auto flag = kNnapiFlags.find(name);
    if (flag == kNnapiFlags.end()) throw std::runtime_error("unknown NNAPI flag " + name);
    if (value == "1") result.flags |= flag->second;
  }
  Ort::ThrowOnError(append(options, result.flags));
}

const char* type_name(OrtHardwareDeviceType type) {
  switch (type) {
    case OrtHardwareDeviceType_NPU: return "NPU";
    case OrtHardwareDeviceType_GPU: return "GPU";
    default: return "CPU";
  }
}

// A provider in a library of its own: all that it offers as an NPU, else its first device.
void append_plugin(const std::string& name, const Job& job, Ort::Env& env, Ort::SessionOptions& options,
                   Result& result) {
  env.RegisterExecutionProviderLibrary(name.c_str(), job.plugin);
  std::vector<Ort::ConstEpDevice> offered;
  for (const Ort::ConstEpDevice& device : env.GetEpDevices())
    if (name == device.EpName()) offered.push_back(device);
  if (offered.empty()) throw std::runtime_error(job.plugin + " offers no device");
  Ort::ConstEpDevice chosen = offered.front();
  for (const Ort::ConstEpDevice& device : offered)
    if (device.Device().Type() == OrtHardwareDeviceType_NPU) chosen = device;
  result.hardware.push_back({chosen.EpVendor(), type_name(chosen.Device().Type())});
  Ort::KeyValuePairs pairs;
  for (const auto& [key, value] : job.options) pairs.Add(key.c_str(), value.c_str());
  options.AppendExecutionProvider_V2(env, {chosen}, pairs);
}

}  // namespace

void prepare(const Job& job, Ort::Env& env, Ort::SessionOptions& options, Result& result) {
  const bool off = job.optimization == "disable_all";
  if (!off && job.optimization != "all") throw std::runtime_error("optimization is disable_all or all");
  options.SetGraphOptimizationLevel(off ? ORT_DISABLE_ALL : ORT_ENABLE_ALL);
  result.optimization = job.optimization;
  for (const auto& [key, value] : job.session) {
    options.AddConfigEntry(key.c_str(), value.c_str());
    result.session[key] = options.GetConfigEntry(key.c_str());
  }
  result.provider = job.provider;
  result.options = job.options;
  if (job.provider == "cpu") return;  // always there, and last
  if (job.provider == "nnapi") return append_nnapi(job.options, options, result);
  const std::unordered_map<std::string, std::string> options_map(job.options.begin(), job.options.end());
  if (job.provider == "qnn" && !job.plugin.empty())
    return append_plugin("QNNExecutionProvider", job, env, options, result);
  if (job.provider == "qnn") {
    options.AppendExecutionProvider("QNN", options_map);
    return;
  }
  throw std::runtime_error("unknown provider " + job.provider);
}

}  // namespace runner
