// Where the NPU stages of a package run on this device, and why: what receipts say, else a probe, else the CPU.
#pragma once

#include <string>
#include <utility>

#include "engine.hpp"
#include "fused_choice.hpp"
#include "package.hpp"
#include "stage_chain.hpp"

namespace kokoro_npu {

// Throws Error(device): the package holds contexts, and this device cannot run them or nothing says that it does.
Choice choose_provider(const Package& package, const EngineOptions& options);

// One line of JSON.
std::string placement_report(const Package& package, const Placement& placement, const OperatorChoice& operators,
                             std::size_t open_sessions);

}  // namespace kokoro_npu
