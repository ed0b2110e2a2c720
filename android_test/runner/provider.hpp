// Session options with the one provider that a job asks for.
#pragma once

#include <onnxruntime_cxx_api.h>

#include "job.hpp"
#include "result.hpp"

namespace runner {

// Optimization level, session entries and provider; what was set is noted in `result`.
// Throws std::runtime_error or Ort::Exception where this build or this device has no such provider.
void prepare(const Job& job, Ort::Env& env, Ort::SessionOptions& options, Result& result);

}  // namespace runner
