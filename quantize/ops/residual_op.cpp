// The operator Residual: what a convolution gives in bytes is added to a tensor of floats. README.md has its formula.
#include <cstdlib>

#include "runtime.hpp"

namespace kokoro_npu {
namespace {

enum In : std::size_t { BYTES, BYTE_STEP, BYTE_ZERO, FACTOR, ADDED, INPUTS };

struct Kernel {
  const OrtApi* api;
  const Path* path;
};

struct Call {
  const Path* path;
  AdainValue value;
  std::int64_t columns;
};

void add_columns(void* data, std::size_t task) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t first = static_cast<std::int64_t>(task) * ADAIN_COLUMNS, left = call.columns - first;
  call.path->add(call.value, first, left < ADAIN_COLUMNS ? call.columns : first + ADAIN_COLUMNS);
}

OrtStatus* compute(const Kernel& kernel, OrtKernelContext* context) {
  const OrtApi& api = *kernel.api;
  Input in[INPUTS];
  for (std::size_t index = 0; index < INPUTS; ++index) KOKORO_NPU_TRY(read_input(api, context, index, &in[index]));
  const Dims &added = in[ADDED].dims, &bytes = in[BYTES].dims;
  const bool fits = added.rank == 4 && bytes.rank == 4 && added.sizes[0] == 1 && added.sizes[1] == 1 &&
                    bytes.sizes[0] == 1 && bytes.sizes[1] == 1 && bytes.sizes[2] == added.sizes[2] &&
                    bytes.sizes[3] == added.sizes[3];
  if (!fits) return refuse(api, "kokoro_npu.Residual: bytes and added are not of one shape [1, 1, T, C]");
  const std::int64_t channels = added.sizes[3];
  if (in[BYTE_STEP].size != 1 || in[BYTE_ZERO].size != 1 || !fits_channels(in[FACTOR], channels)) {
    return refuse(api, "kokoro_npu.Residual: bytes need one step, one zero point, and one factor or one per channel");
  }
  void* sum = nullptr;
  KOKORO_NPU_TRY(make_output(api, context, 0, added, &sum));
  if (!in[ADDED].size || !sum) return nullptr;
  auto* steps = static_cast<float*>(std::malloc(static_cast<std::size_t>(channels) * sizeof(float)));
  if (!steps) return api.CreateStatus(ORT_FAIL, "kokoro_npu.Residual: no memory");
  for (std::int64_t j = 0; j < channels; ++j) steps[j] = in[BYTE_STEP].floats()[0] * number_or_one(in[FACTOR], j);
  Call call{kernel.path,
            {channels, in[BYTES].bytes(), in[BYTE_ZERO].bytes()[0], steps, in[ADDED].floats(), static_cast<float*>(sum)},
            added.sizes[2]};
  const auto tasks = static_cast<std::size_t>((call.columns + ADAIN_COLUMNS - 1) / ADAIN_COLUMNS);
  OrtStatus* status = api.KernelContext_ParallelFor(context, add_columns, tasks, 0, &call);
  std::free(steps);
  return status;
}

OrtStatus* ORT_API_CALL create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo*, void** made) {
  auto* kernel = static_cast<Kernel*>(std::malloc(sizeof(Kernel)));
  if (!kernel) return api->CreateStatus(ORT_FAIL, "kokoro_npu.Residual: no memory");
  *kernel = {api, static_cast<const Operator*>(op)->path};
  *made = kernel;
  return nullptr;
}

OrtStatus* ORT_API_CALL run(void* kernel, OrtKernelContext* context) {
  return compute(*static_cast<const Kernel*>(kernel), context);
}

}  // namespace

Operator residual_operator(const Path* path) {
  Operator op = common_operator(path);
  op.GetName = [](const OrtCustomOp*) { return "Residual"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) -> std::size_t { return INPUTS; };
  op.GetInputType = [](const OrtCustomOp*, std::size_t index) {
    return index == BYTES || index == BYTE_ZERO ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8
                                                : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  };
  op.GetInputCharacteristic = [](const OrtCustomOp*, std::size_t index) {
    return index == FACTOR ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  };
  op.GetMayInplace = [](int** inputs, int** outputs) { return one_in_place(ADDED, 0, inputs, outputs); };
  op.CreateKernelV2 = create;
  op.KernelComputeV2 = run;
  return op;
}

}  // namespace kokoro_npu
