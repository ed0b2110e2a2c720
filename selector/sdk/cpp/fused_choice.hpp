// Whether a package's stages run with fused operators on this device, and why. The rules are Python's, see
// selector/speak/fused_choice.py: the package has a library for this platform whose hash and version are the manifest's,
// and ONNX Runtime loads the library and every fused model. Elsewhere the stock models run.
#pragma once

#include <string>

#include "engine.hpp"
#include "package.hpp"
#include "session_pool.hpp"

namespace kokoro_npu {

struct OperatorChoice {
    bool fused = false;
    std::string reason;  // in one line
};

// Chooses, and opens the fused models' sessions in the pool, so that no later one fails. No library is an error.
OperatorChoice choose_operators(const Package& package, const EngineOptions& options, SessionPool& pool);

}  // namespace kokoro_npu
