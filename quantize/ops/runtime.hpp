// The little of ONNX Runtime's C API that the operators need. Every function fails with a status that a session reports.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>

#include "path.hpp"

namespace kokoro_npu {

constexpr const char* DOMAIN = "kokoro_npu";
constexpr int DOMAIN_VERSION = 2;
constexpr std::uint32_t API = 18;  // ONNX Runtime 1.18, the oldest that these operators run in

// An operator of a library that was opened with one path: ONNX Runtime hands it to every callback.
struct Operator : OrtCustomOp {
  const Path* path;
};

// Fill in the callbacks of the operators AdaIN, Conv, FloatConv and Residual, each in its file <name>_op.cpp.
Operator adain_operator(const Path* path);
Operator conv_operator(const Path* path);
Operator float_conv_operator(const Path* path);
Operator residual_operator(const Path* path);

// An operator with what all have in common, and one output of floats; callbacks of inputs and the kernel, and of other
// outputs, are left to fill in.
Operator common_operator(const Path* path);

// For GetMayInplace: one output may take the memory of one input. And for ReleaseMayInplace.
std::size_t one_in_place(int input, int output, int** inputs, int** outputs);
void release_in_place(int* inputs, int* outputs);

constexpr std::size_t MOST_DIMENSIONS = 8;

struct Dims {
  std::int64_t sizes[MOST_DIMENSIONS];
  std::size_t rank = 0;
};

// A tensor of a kernel's inputs; `data` is null where an optional input was left out.
struct Input {
  const void* data = nullptr;
  Dims dims;
  std::int64_t size = 0;  // elements

  const float* floats() const { return static_cast<const float*>(data); }
  const std::uint8_t* bytes() const { return static_cast<const std::uint8_t*>(data); }
};

OrtStatus* read_tensor(const OrtApi& api, const OrtValue* value, Input* tensor);
OrtStatus* read_input(const OrtApi& api, const OrtKernelContext* context, std::size_t index, Input* input);

// Output `index`; `data` is null where the graph has no such output.
OrtStatus* make_output(const OrtApi& api, OrtKernelContext* context, std::size_t index, const Dims& dims, void** data);

// An attribute's number, 0 where it is absent.
std::int64_t number_of(const OrtApi& api, const OrtKernelInfo* info, const char* name);

// Whether an input that is given has one number, or `channels`; and its number.
bool fits_channels(const Input& input, std::int64_t channels);
float number_or_one(const Input& input, std::int64_t channel);

OrtStatus* refuse(const OrtApi& api, const char* message);

}  // namespace kokoro_npu

// Returns from a function of status OrtStatus* if the expression fails.
#define KOKORO_NPU_TRY(expression)                        \
  do {                                                    \
    if (OrtStatus* failed = (expression)) return failed;  \
  } while (false)
