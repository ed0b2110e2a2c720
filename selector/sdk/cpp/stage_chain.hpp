// Runs the stages of a package one after another, from ids to a waveform; tensors go from stage to stage by name.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "session_pool.hpp"

namespace kokoro_npu {

// One tensor, with the memory that it looks at where the engine made it.
struct Tensor {
    std::vector<char> bytes;
    Ort::Value value{nullptr};
};
using Tensors = std::map<std::string, Tensor>;

// Whether the NPU stages run on the NPU, and the reason in one line.
struct Choice {
    bool npu = false;
    std::string reason;
};

// Which stages run on the NPU, and why the others do not. Shared by the threads of an engine.
class Placement {
public:
    explicit Placement(const Choice& choice) : npu_(choice.npu), reason_(choice.reason) {}
    bool npu() const { return npu_; }
    // From now on the CPU runs every stage.
    void fall_back(const std::string& reason) {
        const std::lock_guard<std::mutex> hold(lock_);
        if (npu_.exchange(false)) reason_ = reason;
    }
    // The NPU failed, and there is no CPU to go back to: only the reason is kept.
    void fail(const std::string& reason) {
        const std::lock_guard<std::mutex> hold(lock_);
        reason_ = reason;
    }
    std::string reason() const {
        const std::lock_guard<std::mutex> hold(lock_);
        return reason_;
    }

private:
    std::atomic<bool> npu_;
    mutable std::mutex lock_;
    std::string reason_;
};

// Throws Error(cancelled) where the caller asked to stop.
using CheckCancelled = std::function<void()>;

class StageChain {
public:
    StageChain(const Package& package, SessionPool& pool, Placement& placement)
        : package_(package), pool_(pool), placement_(placement) {}

    // What the text stages and `style` take from outside, in the shape of a bucket (as long as it is, if it is dynamic).
    Tensors text_inputs(const Bucket& bucket, const std::vector<std::int32_t>& ids, const float* row, double speed) const;
    // The first stages, up to the one that gives the durations. Returns the frames of each token.
    std::vector<std::int32_t> run_text(const Bucket& bucket, Tensors& values, const CheckCancelled& check) const;
    // The stages between those and the vocoder, at their own bucket. `noise`: at least 600 samples per frame.
    void prepare_sound(const Bucket& bucket, Tensors& values, std::int64_t tokens, const std::vector<float>& noise,
                       const CheckCancelled& check) const;
    // The vocoder and what stands behind it. Returns the real samples.
    std::vector<float> render_sound(const Bucket& bucket, Tensors& values, std::int64_t frames,
                                    const CheckCancelled& check) const;
    // One stage alone; its outputs are added to `values`.
    void run(const StageContract& stage, const Bucket& bucket, bool npu, Tensors& values) const;
    bool dynamic(const Bucket& bucket) const { return package_.manifest().dynamic_buckets.at(bucket.name); }

private:
    const Package& package_;
    SessionPool& pool_;
    Placement& placement_;

    void run_placed(const StageContract& stage, const Bucket& bucket, Tensors& values) const;
    bool gives_durations(const StageContract& stage) const;
    std::vector<StageContract>::const_iterator behind_durations() const;
    std::vector<StageContract>::const_iterator vocoder() const;
};

// A tensor of numbers that it keeps. 4 bytes each.
Tensor tensor_of(const void* numbers, std::size_t count, std::vector<std::int64_t> shape, bool integers);
// The last axis padded with zeros or cropped to `length`.
Tensor resized(const Ort::Value& value, std::int64_t length);

}  // namespace kokoro_npu
