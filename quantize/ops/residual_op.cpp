// The operator Residual: what a convolution gives in bytes is added to a tensor of floats. README.md has its formula.
#include <cstdlib>

#include "runtime.hpp"

namespace kokoro_npu {
namespace {

enum In : std::size_t { BYTES, BYTE_STEP, BYTE_ZERO, FACTOR, ADDED, INPUTS };

struct Kernel {
  const OrtApi* api;
  const Path* path;
  bool last_in;  // whether the bytes are [1, 1, T, C]
};

struct Call {
  const Kernel* kernel;
  const std::uint8_t* bytes;
  const float *factor, *added;
  float* sum;
  std::int64_t channels, columns;
  float step;
  int zero;
  bool one_factor;
  std::uint8_t* scratch;  // one tile of rows per task, where the bytes are channels last
};

// A tile of columns of every channel.
void run_tile(void* data, std::size_t task) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t first = static_cast<std::int64_t>(task) * TILE, left = call.columns - first;
  const std::int64_t count = left < TILE ? left : TILE;
  const std::uint8_t* rows = call.bytes + first;
  std::int64_t stride = call.columns;
  if (call.kernel->last_in) {
    std::uint8_t* turned = call.scratch + first * call.channels;
    call.kernel->path->to_rows(call.bytes + first * call.channels, call.channels, count, turned, count);
    rows = turned;
    stride = count;
  }
  for (std::int64_t channel = 0; channel < call.channels; ++channel) {
    const float factor = call.factor ? call.factor[call.one_factor ? 0 : channel] : 1;
    const std::int64_t start = channel * call.columns + first;
    call.kernel->path->add_bytes(rows + channel * stride, count, call.step * factor, call.zero, call.added + start,
                                 call.sum + start);
  }
}

OrtStatus* compute(const Kernel& kernel, OrtKernelContext* context) {
  const OrtApi& api = *kernel.api;
  Input in[INPUTS];
  for (std::size_t index = 0; index < INPUTS; ++index) KOKORO_NPU_TRY(read_input(api, context, index, &in[index]));
  const Dims &added = in[ADDED].dims, &bytes = in[BYTES].dims;
  const bool ranks = added.rank == 4 && bytes.rank == 4 && added.sizes[0] == 1 && bytes.sizes[0] == 1;
  const std::int64_t channels = ranks ? added.sizes[1] : 0, columns = ranks ? added.sizes[3] : 0;
  const int one = kernel.last_in ? 1 : 2, at = kernel.last_in ? 3 : 1;
  if (!ranks || added.sizes[2] != 1 || bytes.sizes[one] != 1 || bytes.sizes[at] != channels ||
      in[BYTES].size != in[ADDED].size) {
    return refuse(api, "kokoro_npu.Residual: bytes and added are not of one shape [1, C, 1, T]");
  }
  const std::int64_t factors = in[FACTOR].data ? in[FACTOR].size : 1;
  if (in[BYTE_STEP].size != 1 || in[BYTE_ZERO].size != 1 || (factors != 1 && factors != channels)) {
    return refuse(api, "kokoro_npu.Residual: bytes need one step, one zero point, and one factor or one per channel");
  }
  void* sum = nullptr;
  KOKORO_NPU_TRY(make_output(api, context, 0, added, &sum));
  if (!in[ADDED].size || !sum) return nullptr;
  Call call{&kernel, in[BYTES].bytes(), in[FACTOR].floats(), in[ADDED].floats(), static_cast<float*>(sum),
            channels, columns, in[BYTE_STEP].floats()[0], in[BYTE_ZERO].bytes()[0], factors == 1, nullptr};
  if (kernel.last_in) {
    call.scratch = static_cast<std::uint8_t*>(std::malloc(static_cast<std::size_t>(in[BYTES].size)));
    if (!call.scratch) return api.CreateStatus(ORT_FAIL, "kokoro_npu.Residual: no memory");
  }
  const auto tiles = static_cast<std::size_t>((columns + TILE - 1) / TILE);
  OrtStatus* status = api.KernelContext_ParallelFor(context, run_tile, tiles, 0, &call);
  std::free(call.scratch);
  return status;
}

OrtStatus* ORT_API_CALL create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** made) {
  auto* kernel = static_cast<Kernel*>(std::malloc(sizeof(Kernel)));
  if (!kernel) return api->CreateStatus(ORT_FAIL, "kokoro_npu.Residual: no memory");
  *kernel = {api, static_cast<const Operator*>(op)->path, flag_of(*api, info, "channels_last_in")};
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
