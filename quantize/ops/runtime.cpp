#include "runtime.hpp"

#include <cstdlib>

namespace kokoro_npu {

bool fits_channels(const Input& input, std::int64_t channels) {
  return !input.data || input.size == 1 || input.size == channels;
}

float number_or_one(const Input& input, std::int64_t channel) {
  return input.data ? input.floats()[input.size == 1 ? 0 : channel] : 1;
}

OrtStatus* refuse(const OrtApi& api, const char* message) { return api.CreateStatus(ORT_INVALID_ARGUMENT, message); }

namespace {

OrtStatus* dims_of(const OrtApi& api, const OrtValue* value, Dims* dims) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  KOKORO_NPU_TRY(api.GetTensorTypeAndShape(value, &info));
  OrtStatus* status = api.GetDimensionsCount(info, &dims->rank);
  if (!status && dims->rank > MOST_DIMENSIONS) status = refuse(api, "kokoro_npu: a tensor has more than 8 dimensions");
  if (!status) status = api.GetDimensions(info, dims->sizes, dims->rank);
  api.ReleaseTensorTypeAndShapeInfo(info);
  return status;
}

}  // namespace

Operator common_operator(const Path* path) {
  Operator op{};
  op.path = path;
  op.version = API;
  op.GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  op.GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return OrtMemTypeDefault; };
  op.ReleaseMayInplace = release_in_place;
  op.GetOutputTypeCount = [](const OrtCustomOp*) -> std::size_t { return 1; };
  op.GetOutputType = [](const OrtCustomOp*, std::size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; };
  op.GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_REQUIRED; };
  op.GetStartVersion = [](const OrtCustomOp*) { return DOMAIN_VERSION; };
  op.GetEndVersion = [](const OrtCustomOp*) { return DOMAIN_VERSION; };
  op.KernelDestroy = [](void* kernel) { std::free(kernel); };  // every kernel is malloc's
  return op;
}

std::int64_t number_of(const OrtApi& api, const OrtKernelInfo* info, const char* name) {
  std::int64_t value = 0;
  if (OrtStatus* absent = api.KernelInfoGetAttribute_int64(info, name, &value)) api.ReleaseStatus(absent);
  return value;
}

std::size_t one_in_place(int input, int output, int** inputs, int** outputs) {
  *inputs = static_cast<int*>(std::malloc(sizeof(int)));
  *outputs = static_cast<int*>(std::malloc(sizeof(int)));
  if (!*inputs || !*outputs) return 0;
  **inputs = input;
  **outputs = output;
  return 1;
}

void release_in_place(int* inputs, int* outputs) {
  std::free(inputs);
  std::free(outputs);
}

OrtStatus* read_tensor(const OrtApi& api, const OrtValue* value, Input* tensor) {
  KOKORO_NPU_TRY(dims_of(api, value, &tensor->dims));
  tensor->size = 1;
  for (std::size_t axis = 0; axis < tensor->dims.rank; ++axis) tensor->size *= tensor->dims.sizes[axis];
  void* data = nullptr;
  KOKORO_NPU_TRY(api.GetTensorMutableData(const_cast<OrtValue*>(value), &data));
  tensor->data = data;
  return nullptr;
}

OrtStatus* read_input(const OrtApi& api, const OrtKernelContext* context, std::size_t index, Input* input) {
  const OrtValue* value = nullptr;
  KOKORO_NPU_TRY(api.KernelContext_GetInput(context, index, &value));
  return value ? read_tensor(api, value, input) : nullptr;
}

OrtStatus* make_output(const OrtApi& api, OrtKernelContext* context, std::size_t index, const Dims& dims, void** data) {
  *data = nullptr;
  std::size_t count = 0;
  KOKORO_NPU_TRY(api.KernelContext_GetOutputCount(context, &count));
  if (index >= count) return nullptr;
  OrtValue* value = nullptr;
  KOKORO_NPU_TRY(api.KernelContext_GetOutput(context, index, dims.sizes, dims.rank, &value));
  return value ? api.GetTensorMutableData(value, data) : nullptr;
}

}  // namespace kokoro_npu
