#include "conv_call.hpp"

#include <cstdlib>

namespace kokoro_npu {
namespace {

// Tasks at least, so that threads end at about the same time. More would prepare the same input more often.
constexpr std::int64_t TASKS = 8;
constexpr std::size_t LINE_BYTES = 64;  // a line of the cache

struct Call {
  const ConvPath* conv;
  ConvTile tile;
  std::int64_t splits, split;  // parts of the output channels, and the blocks in each
  std::int64_t size, columns;  // columns per tile, and of the output
  bool failed;
};

std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

void run_tile(void* data, std::size_t task) {
  Call& call = *static_cast<Call*>(data);
  ConvTile tile = call.tile;
  const auto number = static_cast<std::int64_t>(task);
  tile.first = number / call.splits * call.size;
  if (tile.moments) tile.moments += number / call.splits * MOMENTS * tile.shape.out;
  tile.count = least(call.size, call.columns - tile.first);
  tile.block = number % call.splits * call.split;
  tile.blocks = least(tile.block + call.split, whole_blocks(tile.shape.out));
  tile.scratch = std::malloc(static_cast<std::size_t>(call.conv->scratch_bytes(tile.shape, tile.count)));
  if (tile.scratch) {
    call.conv->run(tile);
  } else {
    call.failed = true;
  }
  std::free(tile.scratch);
}

}  // namespace

OrtStatus* read_constant(const OrtApi& api, const OrtKernelInfo* info, std::size_t index, Input* input) {
  int constant = 0;
  const OrtValue* value = nullptr;
  KOKORO_NPU_TRY(api.KernelInfoGetConstantInput_tensor(info, index, &constant, &value));
  if (!constant || !value) return refuse(api, "kokoro_npu: a convolution's weight is not constant");
  return read_tensor(api, value, input);
}

OrtStatus* make_conv(const OrtApi& api, const OrtKernelInfo* info, const ConvPath* conv, ConvShape shape,
                     ConvKernel** made) {
  shape.dilation = number_of(api, info, "dilation");
  shape.left = number_of(api, info, "left");
  const std::int64_t right = number_of(api, info, "right");
  if (shape.dilation < 1 || shape.left < 0 || right < 0) {
    return refuse(api, "kokoro_npu: a convolution has no dilation, or negative padding");
  }
  const auto out = static_cast<std::size_t>(shape.out), packed = static_cast<std::size_t>(conv->packed_bytes(shape));
  const std::size_t channels = out * (sizeof(std::int32_t) + sizeof(float));
  auto* kernel = static_cast<ConvKernel*>(std::malloc(sizeof(ConvKernel) + channels + LINE_BYTES + packed));
  if (!kernel) return api.CreateStatus(ORT_FAIL, "kokoro_npu: no memory for a convolution's weights");
  auto* totals = reinterpret_cast<std::int32_t*>(kernel + 1);
  auto* shrunk = reinterpret_cast<float*>(totals + out);
  const auto end = reinterpret_cast<std::uintptr_t>(shrunk + out);
  *kernel = {&api, conv, shape, shape.left + right, 0, totals, shrunk,
             reinterpret_cast<void*>((end + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES)};
  for (std::size_t i = 0; i < out; ++i) shrunk[i] = 1;
  *made = kernel;
  return nullptr;
}

OrtStatus* make_numbers(const ConvKernel& kernel, ConvNumbers* numbers) {
  const std::int64_t channels = whole_blocks(kernel.shape.out) * CONV_CHANNELS;
  numbers->offsets = static_cast<std::int32_t*>(std::calloc(static_cast<std::size_t>(channels), 3 * sizeof(float)));
  if (!numbers->offsets) return kernel.api->CreateStatus(ORT_FAIL, "kokoro_npu: no memory for a convolution");
  numbers->scales = reinterpret_cast<float*>(numbers->offsets + channels);
  numbers->biases = numbers->scales + channels;
  return nullptr;
}

std::int64_t columns_behind(const ConvKernel& kernel, std::int64_t columns) {
  return columns + kernel.padding - (kernel.shape.taps - 1) * kernel.shape.dilation;
}

OrtStatus* run_conv(const ConvKernel& kernel, OrtKernelContext* context, const ConvNumbers& numbers, ConvTile tile) {
  const OrtApi& api = *kernel.api;
  void* out = nullptr;
  const std::int64_t columns = columns_behind(kernel, tile.columns), blocks = whole_blocks(kernel.shape.out);
  if (columns < 1) return refuse(api, "kokoro_npu: a convolution's kernel is longer than its padded input");
  KOKORO_NPU_TRY(make_output(api, context, 0, {{1, 1, columns, kernel.shape.out}, 4}, &out));
  tile.shape = kernel.shape;
  tile.packed = kernel.packed;
  tile.most = kernel.most;
  tile.offsets = numbers.offsets;
  tile.scales = numbers.scales;
  tile.biases = numbers.biases;
  tile.out = static_cast<float*>(out);
  const std::int64_t tiles = parts_of(columns, CONV_COLUMNS);
  const std::int64_t size = parts_of(parts_of(columns, tiles), CONV_STEP) * CONV_STEP;
  const std::int64_t parts = parts_of(columns, size);
  void* moments = nullptr;
  KOKORO_NPU_TRY(make_output(api, context, 1, {{1, parts, MOMENTS, kernel.shape.out}, 4}, &moments));
  tile.moments = static_cast<float*>(moments);
  const std::int64_t split = parts_of(blocks, least(parts_of(TASKS, tiles), blocks));
  Call call{kernel.conv, tile, parts_of(blocks, split), split, size, columns, false};
  const auto tasks = static_cast<std::size_t>(parts * call.splits);
  KOKORO_NPU_TRY(api.KernelContext_ParallelFor(context, run_tile, tasks, 0, &call));
  return call.failed ? api.CreateStatus(ORT_FAIL, "kokoro_npu: no memory for a convolution's tile") : nullptr;
}

void give_moments(Operator* op) {
  op->GetOutputTypeCount = [](const OrtCustomOp*) -> std::size_t { return 2; };
  op->GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t index) {
    return index ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  };
}

bool fits_output(const Input& added, std::int64_t channels, std::int64_t columns) {
  const Dims& dims = added.dims;
  return !added.data || (dims.rank == 4 && dims.sizes[0] == 1 && dims.sizes[1] == 1 && dims.sizes[2] == columns &&
                         dims.sizes[3] == channels);
}

}  // namespace kokoro_npu
