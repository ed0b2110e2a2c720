// The operator FloatConv: floats convolved with s16 weights, both rounded to about 12 bits. README.md has its formula.
#include <cmath>
#include <cstdlib>

#include "conv_call.hpp"

namespace kokoro_npu {
namespace {

enum In : std::size_t { FLOATS, WEIGHT, WEIGHT_STEP, BIAS, ADDED, INPUTS };

constexpr int WEIGHT_MOST = 2047;  // the largest packed weight of each channel
constexpr int MOST = 32767;        // of a 16-bit integer
constexpr std::int64_t SUM_MOST = 2147483647;

OrtStatus* check_inputs(const OrtApi& api, const ConvKernel& kernel, const Input* in) {
  const Dims& floats = in[FLOATS].dims;
  if (floats.rank != 4 || floats.sizes[0] != 1 || floats.sizes[1] != 1 || floats.sizes[3] != kernel.shape.in) {
    return refuse(api, "kokoro_npu.FloatConv: floats are not [1, 1, T, C] with the weight's channels");
  }
  if (!fits_channels(in[WEIGHT_STEP], kernel.shape.out) || (in[BIAS].data && in[BIAS].size != kernel.shape.out)) {
    return refuse(api, "kokoro_npu.FloatConv: a step or the bias has not one number per channel");
  }
  if (!fits_output(in[ADDED], kernel.shape.out, columns_behind(kernel, floats.sizes[2]))) {
    return refuse(api, "kokoro_npu.FloatConv: what is added has another shape than the output");
  }
  return nullptr;
}

OrtStatus* compute(const ConvKernel& kernel, OrtKernelContext* context) {
  const OrtApi& api = *kernel.api;
  Input in[INPUTS];
  for (std::size_t index = 0; index < INPUTS; ++index) KOKORO_NPU_TRY(read_input(api, context, index, &in[index]));
  KOKORO_NPU_TRY(check_inputs(api, kernel, in));
  ConvNumbers numbers;
  KOKORO_NPU_TRY(make_numbers(kernel, &numbers));
  for (std::int64_t i = 0; i < kernel.shape.out; ++i) {
    numbers.scales[i] = number_or_one(in[WEIGHT_STEP], i) * kernel.shrunk[i];
    numbers.biases[i] = in[BIAS].data ? in[BIAS].floats()[i] : 0;
  }
  ConvTile tile{};
  tile.floats = in[FLOATS].floats();
  tile.columns = in[FLOATS].dims.sizes[2];
  tile.added = in[ADDED].floats();
  OrtStatus* status = run_conv(kernel, context, numbers, tile);
  std::free(numbers.offsets);
  return status;
}

// Divides each channel's weights until they are at most WEIGHT_MOST, and returns the largest integer that inputs may
// have without a sum beyond 32 bits.
int shrink(const std::int16_t* weights, std::int64_t channels, std::int64_t size, std::int16_t* small, float* shrunk) {
  std::int64_t largest = SUM_MOST / MOST;
  for (std::int64_t i = 0; i < channels; ++i, weights += size, small += size) {
    int peak = WEIGHT_MOST;
    for (std::int64_t j = 0; j < size; ++j) peak = std::abs(weights[j]) > peak ? std::abs(weights[j]) : peak;
    shrunk[i] = static_cast<float>(peak) / WEIGHT_MOST;
    std::int64_t total = 0;
    for (std::int64_t j = 0; j < size; ++j) {
      small[j] = static_cast<std::int16_t>(std::lrint(weights[j] / static_cast<double>(shrunk[i])));
      total += std::abs(small[j]);
    }
    largest = total > largest ? total : largest;
  }
  return static_cast<int>(SUM_MOST / largest);
}

OrtStatus* ORT_API_CALL create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** made) {
  Input weight;
  KOKORO_NPU_TRY(read_constant(*api, info, WEIGHT, &weight));
  const std::int64_t taps = number_of(*api, info, "taps");
  if (weight.dims.rank != 2 || !weight.size || taps < 1 || weight.dims.sizes[1] % taps) {
    return refuse(*api, "kokoro_npu.FloatConv: the weight is not [C, C * taps]");
  }
  const std::int64_t out = weight.dims.sizes[0], size = weight.dims.sizes[1];
  ConvKernel* kernel = nullptr;
  const ConvPath* conv = static_cast<const Operator*>(op)->path->float_conv;
  KOKORO_NPU_TRY(make_conv(*api, info, conv, {size / taps, out, taps, 0, 0}, &kernel));
  auto* small = static_cast<std::int16_t*>(std::malloc(static_cast<std::size_t>(weight.size) * sizeof(std::int16_t)));
  if (!small) {
    std::free(kernel);
    return api->CreateStatus(ORT_FAIL, "kokoro_npu.FloatConv: no memory");
  }
  kernel->most = shrink(static_cast<const std::int16_t*>(weight.data), out, size, small, kernel->shrunk);
  conv->pack(kernel->shape, small, kernel->packed, kernel->totals);
  std::free(small);
  *made = kernel;
  return nullptr;
}

OrtStatus* ORT_API_CALL run(void* kernel, OrtKernelContext* context) {
  return compute(*static_cast<const ConvKernel*>(kernel), context);
}

}  // namespace

Operator float_conv_operator(const Path* path) {
  Operator op = common_operator(path);
  op.GetName = [](const OrtCustomOp*) { return "FloatConv"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) -> std::size_t { return INPUTS; };
  op.GetInputType = [](const OrtCustomOp*, std::size_t index) {
    return index == WEIGHT ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  };
  op.GetInputCharacteristic = [](const OrtCustomOp*, std::size_t index) {
    return index >= BIAS ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  };
  op.GetMayInplace = [](int** inputs, int** outputs) { return one_in_place(ADDED, 0, inputs, outputs); };
  give_moments(&op);
  op.CreateKernelV2 = create;
  op.KernelComputeV2 = run;
  return op;
}

}  // namespace kokoro_npu
