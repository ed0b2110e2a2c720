// The operator Conv: bytes convolved with s8 weights, whose sums become floats. README.md has its formula.
#include <cstdlib>

#include "conv_call.hpp"

namespace kokoro_npu {
namespace {

enum In : std::size_t { BYTES, BYTE_STEP, BYTE_ZERO, WEIGHT, WEIGHT_STEP, BIAS, FACTOR, ADDED, INPUTS };

OrtStatus* check_inputs(const OrtApi& api, const ConvKernel& kernel, const Input* in) {
  const Dims& bytes = in[BYTES].dims;
  if (bytes.rank != 4 || bytes.sizes[0] != 1 || bytes.sizes[1] != 1 || bytes.sizes[3] != kernel.shape.in) {
    return refuse(api, "kokoro_npu.Conv: bytes are not [1, 1, T, C] with the weight's channels");
  }
  if (in[BYTE_STEP].size != 1 || in[BYTE_ZERO].size != 1) {
    return refuse(api, "kokoro_npu.Conv: bytes need one step and one zero point");
  }
  if (in[BIAS].data && in[BIAS].size != kernel.shape.out) {
    return refuse(api, "kokoro_npu.Conv: the bias has not one number per channel");
  }
  if (!fits_channels(in[WEIGHT_STEP], kernel.shape.out) || !fits_channels(in[FACTOR], kernel.shape.out)) {
    return refuse(api, "kokoro_npu.Conv: a scale has neither one number nor one per channel");
  }
  if (!fits_output(in[ADDED], kernel.shape.out, columns_behind(kernel, bytes.sizes[2]))) {
    return refuse(api, "kokoro_npu.Conv: what is added has another shape than the output");
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
  const auto* bias = static_cast<const std::int32_t*>(in[BIAS].data);
  const std::uint8_t zero = in[BYTE_ZERO].bytes()[0];
  for (std::int64_t i = 0; i < kernel.shape.out; ++i) {
    numbers.offsets[i] = (bias ? bias[i] : 0) + (kernel.conv->shift - zero) * kernel.totals[i];
    numbers.scales[i] = in[BYTE_STEP].floats()[0] * number_or_one(in[WEIGHT_STEP], i) * number_or_one(in[FACTOR], i);
  }
  ConvTile tile{};
  tile.bytes = in[BYTES].bytes();
  tile.columns = in[BYTES].dims.sizes[2];
  tile.zero = zero;
  tile.added = in[ADDED].floats();
  OrtStatus* status = run_conv(kernel, context, numbers, tile);
  std::free(numbers.offsets);
  return status;
}

OrtStatus* ORT_API_CALL create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** made) {
  Input weight;
  KOKORO_NPU_TRY(read_constant(*api, info, WEIGHT, &weight));
  const Dims& dims = weight.dims;
  if (dims.rank != 4 || dims.sizes[2] != 1 || !weight.size) {
    return refuse(*api, "kokoro_npu.Conv: the weight is not [C, C, 1, K]");
  }
  const auto* bytes = static_cast<const std::int8_t*>(weight.data);
  auto* wide = static_cast<std::int16_t*>(std::malloc(static_cast<std::size_t>(weight.size) * sizeof(std::int16_t)));
  if (!wide) return api->CreateStatus(ORT_FAIL, "kokoro_npu.Conv: no memory");
  bool fits = true;
  for (std::int64_t i = 0; i < weight.size; ++i) {
    wide[i] = bytes[i];
    fits = fits && bytes[i] != -128;
  }
  ConvKernel* kernel = nullptr;
  OrtStatus* status = fits ? nullptr : refuse(*api, "kokoro_npu.Conv: a weight is -128; kernels take -127..127");
  if (!status) {
    const ConvShape shape{dims.sizes[1], dims.sizes[0], dims.sizes[3], 0, 0};
    status = make_conv(*api, info, static_cast<const Operator*>(op)->path->conv, shape, &kernel);
  }
  if (!status) kernel->conv->pack(kernel->shape, wide, kernel->packed, kernel->totals);
  std::free(wide);
  *made = kernel;
  return status;
}

OrtStatus* ORT_API_CALL run(void* kernel, OrtKernelContext* context) {
  return compute(*static_cast<const ConvKernel*>(kernel), context);
}

}  // namespace

Operator conv_operator(const Path* path) {
  Operator op = common_operator(path);
  op.GetName = [](const OrtCustomOp*) { return "Conv"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) -> std::size_t { return INPUTS; };
  op.GetInputType = [](const OrtCustomOp*, std::size_t index) {
    if (index == BYTES || index == BYTE_ZERO) return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
    if (index == WEIGHT) return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
    return index == BIAS ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
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
