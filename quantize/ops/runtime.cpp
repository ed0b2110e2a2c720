#include "runtime.hpp"

namespace kokoro_npu {

OrtStatus* refuse(const OrtApi& api, const char* message) { return api.CreateStatus(ORT_INVALID_ARGUMENT, message); }

namespace {

constexpr std::size_t MOST_DIMENSIONS = 8;

struct Dims {
  std::int64_t sizes[MOST_DIMENSIONS];
  std::size_t rank = 0;
};

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

OrtStatus* read_input(const OrtApi& api, const OrtKernelContext* context, std::size_t index, Input* input) {
  KOKORO_NPU_TRY(api.KernelContext_GetInput(context, index, &input->value));
  if (!input->value) return nullptr;
  Dims dims;
  KOKORO_NPU_TRY(dims_of(api, input->value, &dims));
  input->size = 1;
  for (std::size_t axis = 0; axis < dims.rank; ++axis) input->size *= dims.sizes[axis];
  if (dims.rank > 1) input->channels = dims.sizes[1];
  if (dims.rank > 1 && dims.sizes[0] != 1) return refuse(api, "kokoro_npu: the first dimension of a tensor is not 1");
  void* data = nullptr;
  KOKORO_NPU_TRY(api.GetTensorMutableData(const_cast<OrtValue*>(input->value), &data));
  input->data = data;
  return nullptr;
}

OrtStatus* make_output(const OrtApi& api, OrtKernelContext* context, std::size_t index, const Input& like, void** data) {
  *data = nullptr;
  std::size_t count = 0;
  KOKORO_NPU_TRY(api.KernelContext_GetOutputCount(context, &count));
  if (index >= count) return nullptr;
  Dims dims;
  KOKORO_NPU_TRY(dims_of(api, like.value, &dims));
  OrtValue* value = nullptr;
  KOKORO_NPU_TRY(api.KernelContext_GetOutput(context, index, dims.sizes, dims.rank, &value));
  return value ? api.GetTensorMutableData(value, data) : nullptr;
}

}  // namespace kokoro_npu
