// The operator AdaIN: instance norm with a style, activation and quantization of one tensor, one task per channel.
// README.md has its inputs, outputs and formula.
#include <cstdlib>

#include "runtime.hpp"

namespace kokoro_npu {
namespace {

enum In : std::size_t {
  BYTES_IN, BYTE_STEP, BYTE_ZERO, FACTOR, ADDED, MASK, GAIN, SHIFT, EPSILON, FREQUENCY, AMPLITUDE, STEP, ZERO, INPUTS
};
enum Out : std::size_t { BYTES_OUT, SUM, ACTIVE, OUTPUTS };

constexpr bool is_optional(std::size_t input) { return input <= MASK || input >= FREQUENCY; }
constexpr bool has_bytes(std::size_t input) { return input == BYTES_IN || input == BYTE_ZERO || input == ZERO; }

struct Kernel {
  const OrtApi* api;
  const Path* path;
  float slope;
  bool last_in, last_out;  // whether the bytes that come in, or go out, are [1, 1, T, C]
};

// One call. Where bytes are channels last, the rows are in `scratch`, [channels, columns], on their way in and out.
struct Call {
  const Path* path;
  AdainRow row;  // with everything that the channels share
  const Input* in;
  std::int64_t channels, columns;
  const std::uint8_t* last_in;
  std::uint8_t *last_out, *scratch;
};

float of_channel(const Input& input, std::size_t channel, float otherwise) {
  if (!input.data) return otherwise;
  return input.floats()[input.size == 1 ? 0 : channel];
}

void run_channel(void* data, std::size_t channel) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t start = static_cast<std::int64_t>(channel) * call.columns;
  AdainRow row = call.row;
  if (row.bytes) row.bytes += start;
  if (row.out) row.out += start;
  if (row.added) row.added += start;
  if (row.sum) row.sum += start;
  if (row.active) row.active += start;
  row.byte_step *= of_channel(call.in[FACTOR], channel, 1);
  row.gain = of_channel(call.in[GAIN], channel, 1);
  row.shift = of_channel(call.in[SHIFT], channel, 0);
  row.epsilon = of_channel(call.in[EPSILON], channel, 0);
  row.frequency = of_channel(call.in[FREQUENCY], channel, 0);
  row.amplitude = of_channel(call.in[AMPLITUDE], channel, 0);
  call.path->adain(row);
}

// A tile of columns from channels last to rows, or back.
void turn_in(void* data, std::size_t tile) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t first = static_cast<std::int64_t>(tile) * TILE, left = call.columns - first;
  call.path->to_rows(call.last_in + first * call.channels, call.channels, left < TILE ? left : TILE,
                     call.scratch + first, call.columns);
}

void turn_out(void* data, std::size_t tile) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t first = static_cast<std::int64_t>(tile) * TILE, left = call.columns - first;
  call.path->from_rows(call.scratch + first, call.columns, call.channels, left < TILE ? left : TILE,
                       call.last_out + first * call.channels);
}

OrtStatus* run_call(const OrtApi& api, const OrtKernelContext* context, Call* call) {
  const auto tiles = static_cast<std::size_t>((call->columns + TILE - 1) / TILE);
  if (call->last_in) KOKORO_NPU_TRY(api.KernelContext_ParallelFor(context, turn_in, tiles, 0, call));
  const auto channels = static_cast<std::size_t>(call->channels);
  KOKORO_NPU_TRY(api.KernelContext_ParallelFor(context, run_channel, channels, 0, call));
  return call->last_out ? api.KernelContext_ParallelFor(context, turn_out, tiles, 0, call) : nullptr;
}

// The mask as bytes, and how many columns are real.
OrtStatus* read_mask(const OrtApi& api, const Input& mask, std::uint8_t* bytes, double* real) {
  *real = 0;
  for (std::int64_t i = 0; i < mask.size; ++i) {
    const float value = mask.floats()[i];
    if (value != 0 && value != 1) return refuse(api, "kokoro_npu.AdaIN: a mask holds 0 and 1 only");
    bytes[i] = value == 1 ? 255 : 0;
    *real += value;
  }
  return *real > 0 ? nullptr : refuse(api, "kokoro_npu.AdaIN: no column is real");
}

// Channels and columns, which all tensors have in common.
OrtStatus* read_shape(const OrtApi& api, const Kernel& kernel, const Input* in, std::int64_t* channels,
                      std::int64_t* columns) {
  const Input &bytes = in[BYTES_IN], &added = in[ADDED];
  const Input& like = added.data ? added : bytes;
  if (!like.data) return refuse(api, "kokoro_npu.AdaIN: neither bytes nor added is given");
  const bool last = !added.data && kernel.last_in;
  const Input* const tensors[] = {&bytes, &added};
  for (const Input* input : tensors) {
    if (!input->data) continue;
    const int one = input == &bytes && kernel.last_in ? 1 : 2;
    if (input->dims.rank != 4 || input->dims.sizes[0] != 1 || input->dims.sizes[one] != 1) {
      return refuse(api, "kokoro_npu.AdaIN: a tensor is neither [1, C, 1, T] nor, channels last, [1, 1, T, C]");
    }
  }
  *channels = like.dims.sizes[last ? 3 : 1];
  if (!like.size) return refuse(api, "kokoro_npu.AdaIN: an empty tensor has no statistics");
  *columns = like.size / *channels;
  if (bytes.data && (bytes.size != like.size || bytes.dims.sizes[kernel.last_in ? 3 : 1] != *channels)) {
    return refuse(api, "kokoro_npu.AdaIN: bytes and added differ in shape");
  }
  return nullptr;
}

OrtStatus* check_parameters(const OrtApi& api, const Input* in, std::int64_t channels, std::int64_t columns) {
  const Input& bytes = in[BYTES_IN];
  if (bytes.data && (in[BYTE_STEP].size != 1 || in[BYTE_ZERO].size != 1)) {
    return refuse(api, "kokoro_npu.AdaIN: bytes need one step and one zero point");
  }
  if (!in[FREQUENCY].data != !in[AMPLITUDE].data) return refuse(api, "kokoro_npu.AdaIN: half a Snake");
  constexpr In PARAMETERS[] = {FACTOR, GAIN, SHIFT, EPSILON, FREQUENCY, AMPLITUDE};
  for (const In index : PARAMETERS) {
    const std::int64_t size = in[index].size;
    if (in[index].data && size != 1 && size != channels) {
      return refuse(api, "kokoro_npu.AdaIN: a parameter has neither one number nor one per channel");
    }
  }
  if (in[MASK].data && in[MASK].size != columns) return refuse(api, "kokoro_npu.AdaIN: the mask has another length");
  return nullptr;
}

OrtStatus* compute(const Kernel& kernel, OrtKernelContext* context) {
  const OrtApi& api = *kernel.api;
  Input in[INPUTS];
  for (std::size_t index = 0; index < INPUTS; ++index) KOKORO_NPU_TRY(read_input(api, context, index, &in[index]));
  std::int64_t channels = 0, columns = 0;
  KOKORO_NPU_TRY(read_shape(api, kernel, in, &channels, &columns));
  KOKORO_NPU_TRY(check_parameters(api, in, channels, columns));
  const Dims first{{1, channels, 1, columns}, 4}, last{{1, 1, columns, channels}, 4};
  void *out = nullptr, *sum = nullptr, *active = nullptr;
  KOKORO_NPU_TRY(make_output(api, context, BYTES_OUT, kernel.last_out ? last : first, &out));
  KOKORO_NPU_TRY(make_output(api, context, SUM, first, &sum));
  KOKORO_NPU_TRY(make_output(api, context, ACTIVE, first, &active));
  if (!out && !active) return refuse(api, "kokoro_npu.AdaIN: no output");
  if (out && (in[STEP].size != 1 || in[ZERO].size != 1)) return refuse(api, "kokoro_npu.AdaIN: bytes need one step");
  if (in[BYTES_IN].data && in[ADDED].data && !sum) return refuse(api, "kokoro_npu.AdaIN: a sum needs its output");

  Call call{kernel.path, {}, in, channels, columns, nullptr, nullptr, nullptr};
  AdainRow& row = call.row;
  row.columns = columns;
  row.bytes = in[BYTES_IN].bytes();
  row.byte_step = row.bytes ? in[BYTE_STEP].floats()[0] : 0;
  row.byte_zero = row.bytes ? in[BYTE_ZERO].bytes()[0] : 0;
  row.added = in[ADDED].floats();
  row.sum = static_cast<float*>(sum);
  row.mask = in[MASK].floats();
  row.snake = in[FREQUENCY].data != nullptr;
  row.slope = kernel.slope;
  row.step = out ? in[STEP].floats()[0] : 1;
  row.zero = out ? in[ZERO].bytes()[0] : 0;
  row.out = static_cast<std::uint8_t*>(out);
  row.active = static_cast<float*>(active);
  row.real = static_cast<double>(columns);
  if (kernel.last_in) call.last_in = row.bytes;
  if (kernel.last_out) call.last_out = row.out;
  const auto size = static_cast<std::size_t>(columns), whole = static_cast<std::size_t>(channels) * size;
  // The mask as bytes, and the scratch.
  auto* memory = static_cast<std::uint8_t*>(std::malloc(size + (call.last_in || call.last_out ? whole : 0)));
  if (!memory) return api.CreateStatus(ORT_FAIL, "kokoro_npu.AdaIN: no memory");
  call.scratch = memory + size;
  if (row.mask) row.byte_mask = memory;
  if (call.last_in) row.bytes = call.scratch;
  if (call.last_out) row.out = call.scratch;
  OrtStatus* status = row.mask ? read_mask(api, in[MASK], memory, &row.real) : nullptr;
  if (!status) status = run_call(api, context, &call);
  std::free(memory);
  return status;
}

OrtStatus* ORT_API_CALL create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** made) {
  auto* kernel = static_cast<Kernel*>(std::malloc(sizeof(Kernel)));
  if (!kernel) return api->CreateStatus(ORT_FAIL, "kokoro_npu.AdaIN: no memory");
  *kernel = {api, static_cast<const Operator*>(op)->path, 1, flag_of(*api, info, "channels_last_in"),
             flag_of(*api, info, "channels_last_out")};
  if (OrtStatus* absent = api->KernelInfoGetAttribute_float(info, "slope", &kernel->slope)) api->ReleaseStatus(absent);
  *made = kernel;
  return nullptr;
}

OrtStatus* ORT_API_CALL run(void* kernel, OrtKernelContext* context) {
  return compute(*static_cast<const Kernel*>(kernel), context);
}

}  // namespace

Operator adain_operator(const Path* path) {
  Operator op = common_operator(path);
  op.GetName = [](const OrtCustomOp*) { return "AdaIN"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) -> std::size_t { return INPUTS; };
  op.GetInputType = [](const OrtCustomOp*, std::size_t index) {
    return has_bytes(index) ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  };
  op.GetInputCharacteristic = [](const OrtCustomOp*, std::size_t index) {
    return is_optional(index) ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  };
  op.GetOutputTypeCount = [](const OrtCustomOp*) -> std::size_t { return OUTPUTS; };
  op.GetOutputType = [](const OrtCustomOp*, std::size_t index) {
    return index == BYTES_OUT ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  };
  op.GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_OPTIONAL; };
  // The sum may take the memory of what is added, if nobody reads that later.
  op.GetMayInplace = [](int** inputs, int** outputs) { return one_in_place(ADDED, SUM, inputs, outputs); };
  op.CreateKernelV2 = create;
  op.KernelComputeV2 = run;
  return op;
}

}  // namespace kokoro_npu
