// ONNX Runtime's environment, and session options with the provider that a manifest names.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <memory>
#include <string>

#include "manifest.hpp"

namespace kokoro_npu {

// The process's environment; it is freed with its last user. Throws Error(device): the library is older than the headers
// that this was compiled with.
std::shared_ptr<Ort::Env> ort_environment();

// Options for a session of `wanted`. `plugin`: the library of a provider that is not built into ONNX Runtime, or empty.
// Throws Error(device) or Ort::Exception: this build or this device has no such provider.
Ort::SessionOptions session_options(Ort::Env& environment, const ProviderOptions& wanted, int threads,
                                    const std::string& plugin);

}  // namespace kokoro_npu
