#include "stage_chain.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace kokoro_npu {
namespace {

constexpr const char* durations = "frames_per_token";
constexpr const char* sound = "waveform";
constexpr const char* first_of_vocoder = "decoder";

[[noreturn]] void refuse_tensor(const std::string& where, const std::string& expected, const std::string& got) {
    throw Error(Fault::contract, where, expected, got, "Get the package again, or a newer kokoro-npu.");
}

// Values of one type, or an error.
template <typename T>
std::pair<const T*, std::size_t> numbers_of(const Tensors& values, const std::string& name) {
    const auto found = values.find(name);
    if (found == values.end()) refuse_tensor("stages", "an output " + name, "none");
    const auto info = found->second.value.GetTensorTypeAndShapeInfo();
    const auto wanted =
        std::is_same_v<T, float> ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    if (info.GetElementType() != wanted) refuse_tensor(name, "the type of the contract", "another");
    return {found->second.value.GetTensorData<T>(), info.GetElementCount()};
}

}  // namespace

Tensor tensor_of(const void* numbers, std::size_t count, std::vector<std::int64_t> shape, bool integers) {
    Tensor out;
    out.bytes.resize(count * 4);
    if (count > 0) std::memcpy(out.bytes.data(), numbers, count * 4);
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    out.value = Ort::Value::CreateTensor(
        memory, out.bytes.data(), out.bytes.size(), shape.data(), shape.size(),
        integers ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
    return out;
}

Tensor resized(const Ort::Value& value, std::int64_t length) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    std::vector<std::int64_t> shape = info.GetShape();
    const bool integers = info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    if (shape.empty() || (!integers && info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT))
        refuse_tensor("tensor", "float32 or int32 with an axis", "another");
    const auto have = static_cast<std::size_t>(shape.back()), want = static_cast<std::size_t>(length);
    const std::size_t rows = have > 0 ? info.GetElementCount() / have : 0;
    shape.back() = length;
    std::vector<char> bytes(rows * want * 4);
    const auto* from = static_cast<const char*>(value.GetTensorRawData());
    for (std::size_t row = 0; row < rows; ++row)
        std::memcpy(bytes.data() + row * want * 4, from + row * have * 4, std::min(have, want) * 4);
    return tensor_of(bytes.data(), rows * want, std::move(shape), integers);
}

Tensors StageChain::text_inputs(const Bucket& bucket, const std::vector<std::int32_t>& ids, const float* row,
                                double speed) const {
    const auto length = dynamic(bucket) ? ids.size() : static_cast<std::size_t>(bucket.tokens);
    const auto along = static_cast<std::int64_t>(length);
    std::vector<std::int32_t> padded(ids);
    padded.resize(length);
    std::vector<float> mask(ids.size(), 1);
    mask.resize(length);
    const auto count = static_cast<std::int32_t>(ids.size());
    const auto pace = static_cast<float>(speed);
    const auto half = static_cast<std::size_t>(package_.manifest().voice_width / 2);
    const auto style = static_cast<std::int64_t>(half);
    Tensors values;
    values["ids"] = tensor_of(padded.data(), length, {1, along}, true);
    values["token_mask"] = tensor_of(mask.data(), length, {1, along}, false);
    values["n_tokens"] = tensor_of(&count, 1, {1}, true);
    values["timbre_style"] = tensor_of(row, half, {1, style}, false);
    values["prosody_style"] = tensor_of(row + half, half, {1, style}, false);
    values["speed"] = tensor_of(&pace, 1, {1}, false);
    return values;
}

bool StageChain::gives_durations(const StageContract& stage) const {
    return std::any_of(stage.outputs.begin(), stage.outputs.end(), [](const Port& p) { return p.name == durations; });
}

std::vector<std::int32_t> StageChain::run_text(const Bucket& bucket, Tensors& values,
                                               const CheckCancelled& check) const {
    for (const StageContract& stage : package_.manifest().stages) {
        check();
        run_placed(stage, bucket, values);
        if (gives_durations(stage)) break;
    }
    const auto [frames, count] = numbers_of<std::int32_t>(values, durations);
    const auto [tokens, one] = numbers_of<std::int32_t>(values, "n_tokens");
    if (one != 1 || count < static_cast<std::size_t>(*tokens)) refuse_tensor(durations, "a number per token", "fewer");
    std::vector<std::int32_t> out(frames, frames + *tokens);
    for (const std::int32_t n : out)
        if (n < 0 || n > 1 << 20) refuse_tensor(durations, "frames of a token", std::to_string(n));
    return out;
}

std::vector<StageContract>::const_iterator StageChain::behind_durations() const {
    const auto& stages = package_.manifest().stages;
    const auto found = std::find_if(stages.begin(), stages.end(), [this](const auto& s) { return gives_durations(s); });
    return found == stages.end() ? found : std::next(found);
}

std::vector<StageContract>::const_iterator StageChain::vocoder() const {
    const auto end = package_.manifest().stages.end();
    return std::find_if(behind_durations(), end, [](const auto& stage) { return stage.name == first_of_vocoder; });
}

void StageChain::prepare_sound(const Bucket& bucket, Tensors& values, std::int64_t tokens,
                               const std::vector<float>& noise, const CheckCancelled& check) const {
    const std::int64_t along = dynamic(bucket) ? tokens : bucket.tokens;
    values["noise"] = tensor_of(noise.data(), noise.size(), {1, static_cast<std::int64_t>(noise.size())}, false);
    for (auto stage = package_.manifest().stages.begin(); stage != behind_durations(); ++stage)
        for (const Port& port : stage->outputs)
            if (port.along_tokens) values[port.name] = resized(values.at(port.name).value, along);
    for (auto stage = behind_durations(); stage != vocoder(); ++stage) {
        check();
        run_placed(*stage, bucket, values);
    }
}

std::vector<float> StageChain::render_sound(const Bucket& bucket, Tensors& values, std::int64_t frames,
                                            const CheckCancelled& check) const {
    for (auto stage = vocoder(); stage != package_.manifest().stages.end(); ++stage) {
        check();
        run_placed(*stage, bucket, values);
    }
    const auto [samples, count] = numbers_of<float>(values, sound);
    const std::int64_t real = frames * package_.manifest().samples_per_frame;
    if (static_cast<std::int64_t>(count) < real)
        refuse_tensor(sound, std::to_string(real) + " samples", std::to_string(count));
    return {samples, samples + real};
}

// A stage that the NPU refuses while it runs is run again on the CPU, and so is everything behind it. No CPU runs a
// context: there the error is the caller's.
void StageChain::run_placed(const StageContract& stage, const Bucket& bucket, Tensors& values) const {
    if (stage.on_npu && placement_.npu()) {
        try {
            return run(stage, bucket, true, values);
        } catch (const Error& error) {
            const std::string reason = stage.name + " " + bucket.name + ": " + error.got;
            if (!package_.manifest().contexts_chip.empty()) {
                placement_.fail(reason);
                throw Error(Fault::device, error.where, "that the NPU of " + package_.manifest().contexts_chip + " runs it",
                            error.got, "Open the package for cpu.");
            }
            placement_.fall_back(reason);
        }
    }
    run(stage, bucket, false, values);
}

void StageChain::run(const StageContract& stage, const Bucket& bucket, bool npu, Tensors& values) const {
    const std::string where = "stage " + stage.name + ", bucket " + bucket.name;
    const auto session = pool_.open(bucket, stage.name, npu);
    std::vector<const char*> in, out;
    std::vector<const OrtValue*> given;
    for (const Port& port : stage.inputs) {
        const auto found = values.find(port.name);
        if (found == values.end()) refuse_tensor(where, "an input that this engine knows", port.name);
        in.push_back(port.name.c_str());
        given.push_back(found->second.value);
    }
    for (const Port& port : stage.outputs) out.push_back(port.name.c_str());
    std::vector<OrtValue*> made(out.size(), nullptr);
    try {
        Ort::RunOptions options;
        // Texts of many lengths would leave blocks of memory that fit no other.
        if (dynamic(bucket) && !npu) options.AddConfigEntry("memory.enable_memory_arena_shrinkage", "cpu:0");
        Ort::ThrowOnError(Ort::GetApi().Run(*session, options, in.data(), given.data(), in.size(), out.data(),
                                            out.size(), made.data()));
    } catch (const Ort::Exception& error) {
        throw Error(npu ? Fault::device : Fault::contract, where, "that it runs", std::string(error.what()).substr(0, 200),
                    "Get the package again, or another ONNX Runtime.");
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
        Tensor tensor;
        tensor.value = Ort::Value(made[i]);
        values[out[i]] = std::move(tensor);
    }
}

}  // namespace kokoro_npu
