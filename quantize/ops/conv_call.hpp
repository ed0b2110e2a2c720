// What the operators Conv and FloatConv have in common: a kernel with packed weights, and the division into tasks.
#pragma once

#include "runtime.hpp"

namespace kokoro_npu {

// Made with a session. `totals`, `shrunk` and `packed` lie behind the struct, in one piece of memory.
struct ConvKernel {
  const OrtApi* api;
  const ConvPath* conv;
  ConvShape shape;
  std::int64_t padding;  // columns, on both sides together
  int most;              // see ConvTile
  std::int32_t* totals;  // the sum of each channel's packed weights
  float* shrunk;         // by how much each channel's weights were divided before they were packed
  void* packed;
};

// A constant input of a kernel that is being made.
OrtStatus* read_constant(const OrtApi& api, const OrtKernelInfo* info, std::size_t index, Input* input);

// A kernel with room for its weights; reads the attributes dilation, left and right. The caller packs the weights.
OrtStatus* make_conv(const OrtApi& api, const OrtKernelInfo* info, const ConvPath* conv, ConvShape shape,
                     ConvKernel** made);

// One number per channel of whole blocks of each: offsets, scales and biases, all 0; the caller frees `offsets`.
struct ConvNumbers {
  std::int32_t* offsets = nullptr;
  float *scales = nullptr, *biases = nullptr;
};
OrtStatus* make_numbers(const ConvKernel& kernel, ConvNumbers* numbers);

// How many columns there are behind the convolution of so many, which may be 0 or less.
std::int64_t columns_behind(const ConvKernel& kernel, std::int64_t columns);

// Makes the outputs, of which the moments are optional, and runs the tasks; `tile` has the input and what is added.
OrtStatus* run_conv(const ConvKernel& kernel, OrtKernelContext* context, const ConvNumbers& numbers, ConvTile tile);

// What both operators give: the result, and optionally its moments.
void give_moments(Operator* op);

// Whether what is added, if it is, is [1, 1, columns, channels].
bool fits_output(const Input& added, std::int64_t channels, std::int64_t columns);

}  // namespace kokoro_npu
