// The operator AdaIN: instance norm with a style, activation and quantization of one tensor, in tasks of some columns.
// README.md has its inputs, outputs and formula.
#include <cmath>
#include <cstdlib>

#include "runtime.hpp"

namespace kokoro_npu {
namespace {

enum In : std::size_t {
  BYTES, BYTE_STEP, BYTE_ZERO, FACTOR, ADDED, MASK, GAIN, SHIFT, EPSILON, FREQUENCY, AMPLITUDE, STEP, ZERO, MOMENTS_IN,
  INPUTS
};
enum Out : std::size_t { OUT, SUM, ACTIVE, OUTPUTS };

constexpr bool is_optional(std::size_t input) { return input <= MASK || input >= FREQUENCY; }
constexpr bool has_bytes(std::size_t input) { return input == BYTES || input == BYTE_ZERO || input == ZERO; }

struct Kernel {
  const OrtApi* api;
  const Path* path;
  float slope;
};

// One call.
struct Call {
  const Path* path;
  AdainValue value;
  AdainEnd tail;
  const float* mask;
  std::int64_t columns;
  float* moments;  // [tasks, MOMENTS, channels]
};

std::int64_t end_of(const Call& call, std::int64_t first) {
  return call.columns - first < ADAIN_COLUMNS ? call.columns : first + ADAIN_COLUMNS;
}

void find_moments(void* data, std::size_t task) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t first = static_cast<std::int64_t>(task) * ADAIN_COLUMNS, channels = call.value.channels;
  float* means = call.moments + static_cast<std::int64_t>(task) * MOMENTS * channels;
  const std::int64_t real =
      call.path->moments(call.value, call.mask, first, end_of(call, first), means, means + channels);
  for (std::int64_t j = 0; j < channels; ++j) means[2 * channels + j] = static_cast<float>(real);
}

void activate(void* data, std::size_t task) {
  const Call& call = *static_cast<const Call*>(data);
  const std::int64_t first = static_cast<std::int64_t>(task) * ADAIN_COLUMNS;
  call.path->activate(call.value, call.tail, call.mask, first, end_of(call, first));
}

// The mean of all columns and the gain over their deviation, from the moments of parts, [parts, MOMENTS, channels].
// False where no column is real, or where given moments are of other columns.
bool finish_moments(const Call& call, const float* parts, std::int64_t count, const Input& epsilon, double* memory,
                    float* means, float* gains) {
  const std::int64_t channels = call.value.channels;
  double *sums = memory, *squares = memory + channels, real = 0;
  for (std::int64_t j = 0; j < 2 * channels; ++j) memory[j] = 0;
  for (std::int64_t part = 0; part < count; ++part) {
    const float *mean = parts + part * MOMENTS * channels, weight = mean[2 * channels];
    for (std::int64_t j = 0; j < channels; ++j) sums[j] += static_cast<double>(weight) * mean[j];
    real += static_cast<double>(weight);
  }
  if (real == 0 || (parts != call.moments && real != static_cast<double>(call.columns))) return false;
  for (std::int64_t j = 0; j < channels; ++j) sums[j] /= real;
  for (std::int64_t part = 0; part < count; ++part) {
    const float *mean = parts + part * MOMENTS * channels, *around = mean + channels, weight = mean[2 * channels];
    for (std::int64_t j = 0; j < channels; ++j) {
      const double apart = mean[j] - sums[j];
      squares[j] += around[j] + static_cast<double>(weight) * apart * apart;
    }
  }
  for (std::int64_t j = 0; j < channels; ++j) {
    means[j] = static_cast<float>(sums[j]);
    const float least = epsilon.floats()[epsilon.size == 1 ? 0 : j];
    gains[j] = static_cast<float>(gains[j] / std::sqrt(squares[j] / real + static_cast<double>(least)));
  }
  return true;
}

OrtStatus* check_mask(const OrtApi& api, const Input& mask) {
  for (std::int64_t i = 0; i < mask.size; ++i) {
    const float value = mask.floats()[i];
    if (value != 0 && value != 1) return refuse(api, "kokoro_npu.AdaIN: a mask holds 0 and 1 only");
  }
  return nullptr;
}

// Channels and columns, which all tensors have in common.
OrtStatus* read_shape(const OrtApi& api, const Input* in, std::int64_t* channels, std::int64_t* columns) {
  const Input &bytes = in[BYTES], &added = in[ADDED];
  const Input& like = added.data ? added : bytes;
  if (!like.data) return refuse(api, "kokoro_npu.AdaIN: neither bytes nor added is given");
  const Input* const tensors[] = {&bytes, &added};
  for (const Input* input : tensors) {
    if (!input->data) continue;
    const Dims& dims = input->dims;
    if (dims.rank != 4 || dims.sizes[0] != 1 || dims.sizes[1] != 1) {
      return refuse(api, "kokoro_npu.AdaIN: a tensor is not [1, 1, T, C]");
    }
    if (dims.sizes[2] != like.dims.sizes[2] || dims.sizes[3] != like.dims.sizes[3]) {
      return refuse(api, "kokoro_npu.AdaIN: bytes and added differ in shape");
    }
  }
  if (!like.size) return refuse(api, "kokoro_npu.AdaIN: an empty tensor has no statistics");
  *columns = like.dims.sizes[2];
  *channels = like.dims.sizes[3];
  return nullptr;
}

OrtStatus* check_parameters(const OrtApi& api, const Input* in, std::int64_t channels, std::int64_t columns) {
  if (in[BYTES].data && (in[BYTE_STEP].size != 1 || in[BYTE_ZERO].size != 1)) {
    return refuse(api, "kokoro_npu.AdaIN: bytes need one step and one zero point");
  }
  if (!in[FREQUENCY].data != !in[AMPLITUDE].data) return refuse(api, "kokoro_npu.AdaIN: half a Snake");
  constexpr In PARAMETERS[] = {FACTOR, GAIN, SHIFT, EPSILON, FREQUENCY, AMPLITUDE};
  for (const In index : PARAMETERS) {
    if (!fits_channels(in[index], channels)) {
      return refuse(api, "kokoro_npu.AdaIN: a parameter has neither one number nor one per channel");
    }
  }
  if (in[MASK].data && in[MASK].size != columns) return refuse(api, "kokoro_npu.AdaIN: the mask has another length");
  const Dims& moments = in[MOMENTS_IN].dims;
  if (in[MOMENTS_IN].data) {
    if (in[BYTES].data || in[MASK].data) {
      return refuse(api, "kokoro_npu.AdaIN: moments are of added alone, without mask");
    }
    if (moments.rank != 4 || moments.sizes[0] != 1 || moments.sizes[2] != MOMENTS || moments.sizes[3] != channels) {
      return refuse(api, "kokoro_npu.AdaIN: moments are not [1, parts, 3, C]");
    }
  }
  return check_mask(api, in[MASK]);
}

// A row of numbers, one per channel.
float* spread(const Input& input, std::int64_t channels, float factor, float** memory) {
  float* row = *memory;
  *memory += channels;
  for (std::int64_t j = 0; j < channels; ++j) row[j] = number_or_one(input, j) * factor;
  return row;
}

// The tasks, with memory for the moments of each, two rows of sums and six of parameters.
OrtStatus* run_call(const OrtApi& api, const OrtKernelContext* context, const Input* in, Call* call) {
  const std::int64_t channels = call->value.channels;
  const std::int64_t tasks = (call->columns + ADAIN_COLUMNS - 1) / ADAIN_COLUMNS;
  const std::int64_t found = in[MOMENTS_IN].data ? 0 : tasks * MOMENTS;
  const std::size_t of_channel = 2 * sizeof(double) + static_cast<std::size_t>(found + 6) * sizeof(float);
  auto* sums = static_cast<double*>(std::malloc(static_cast<std::size_t>(channels) * of_channel));
  if (!sums) return api.CreateStatus(ORT_FAIL, "kokoro_npu.AdaIN: no memory");
  call->moments = reinterpret_cast<float*>(sums + 2 * channels);
  float* memory = call->moments + found * channels;
  call->value.byte_steps = spread(in[FACTOR], channels, call->value.bytes ? in[BYTE_STEP].floats()[0] : 0, &memory);
  float* gains = spread(in[GAIN], channels, 1, &memory);
  call->tail.shifts = spread(in[SHIFT], channels, 1, &memory);
  if (in[FREQUENCY].data) {
    call->tail.frequencies = spread(in[FREQUENCY], channels, 1, &memory);
    call->tail.amplitudes = spread(in[AMPLITUDE], channels, 1, &memory);
  }
  call->tail.gains = gains;
  call->tail.means = memory;
  OrtStatus* status = nullptr;
  if (found) status = api.KernelContext_ParallelFor(context, find_moments, static_cast<std::size_t>(tasks), 0, call);
  const float* parts = found ? call->moments : in[MOMENTS_IN].floats();
  const std::int64_t count = found ? tasks : in[MOMENTS_IN].dims.sizes[1];
  if (!status && !finish_moments(*call, parts, count, in[EPSILON], sums, memory, gains)) {
    status = refuse(api, found ? "kokoro_npu.AdaIN: no column is real"
                               : "kokoro_npu.AdaIN: moments are of another number of columns");
  }
  if (!status) status = api.KernelContext_ParallelFor(context, activate, static_cast<std::size_t>(tasks), 0, call);
  std::free(sums);
  return status;
}

OrtStatus* compute(const Kernel& kernel, OrtKernelContext* context) {
  const OrtApi& api = *kernel.api;
  Input in[INPUTS];
  for (std::size_t index = 0; index < INPUTS; ++index) KOKORO_NPU_TRY(read_input(api, context, index, &in[index]));
  std::int64_t channels = 0, columns = 0;
  KOKORO_NPU_TRY(read_shape(api, in, &channels, &columns));
  KOKORO_NPU_TRY(check_parameters(api, in, channels, columns));
  const Dims dims{{1, 1, columns, channels}, 4};
  void *out = nullptr, *sum = nullptr, *active = nullptr;
  KOKORO_NPU_TRY(make_output(api, context, OUT, dims, &out));
  KOKORO_NPU_TRY(make_output(api, context, SUM, dims, &sum));
  KOKORO_NPU_TRY(make_output(api, context, ACTIVE, dims, &active));
  if (!out && !active) return refuse(api, "kokoro_npu.AdaIN: no output");
  if (out && (in[STEP].size != 1 || in[ZERO].size != 1)) return refuse(api, "kokoro_npu.AdaIN: bytes need one step");
  if (in[MOMENTS_IN].data && sum) return refuse(api, "kokoro_npu.AdaIN: moments are of added, which is the sum");
  if (in[BYTES].data && in[ADDED].data && !sum) return refuse(api, "kokoro_npu.AdaIN: a sum needs its output");

  Call call{};
  call.path = kernel.path;
  call.mask = in[MASK].floats();
  call.columns = columns;
  const int byte_zero = in[BYTES].data ? in[BYTE_ZERO].bytes()[0] : 0;
  call.value = {channels, in[BYTES].bytes(), byte_zero, nullptr, in[ADDED].floats(), static_cast<float*>(sum)};
  call.tail.slope = kernel.slope;
  call.tail.active = static_cast<float*>(active);
  call.tail.out = static_cast<std::uint8_t*>(out);
  call.tail.step = out ? in[STEP].floats()[0] : 1;
  call.tail.zero = out ? in[ZERO].bytes()[0] : 0;
  return run_call(api, context, in, &call);
}

OrtStatus* ORT_API_CALL create(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** made) {
  auto* kernel = static_cast<Kernel*>(std::malloc(sizeof(Kernel)));
  if (!kernel) return api->CreateStatus(ORT_FAIL, "kokoro_npu.AdaIN: no memory");
  *kernel = {api, static_cast<const Operator*>(op)->path, 1};
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
    return index == OUT ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  };
  op.GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t) { return INPUT_OUTPUT_OPTIONAL; };
  // The sum may take the memory of what is added, if nobody reads that later.
  op.GetMayInplace = [](int** inputs, int** outputs) { return one_in_place(ADDED, SUM, inputs, outputs); };
  op.CreateKernelV2 = create;
  op.KernelComputeV2 = run;
  return op;
}

}  // namespace kokoro_npu
