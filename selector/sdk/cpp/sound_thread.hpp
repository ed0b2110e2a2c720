// One chunk's sound, made on a thread of its own while the caller's thread prepares the next chunk.
//
// The work owns all that it reads and writes, so nothing is shared between chunks; the caller takes the result, or the
// error, from `wait`. Callbacks of the app stay on the caller's thread: the work never calls one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "stage_chain.hpp"

namespace kokoro_npu {

class SoundThread {
public:
    // Makes the samples; calls its argument between stages, which throws where the sound is no longer wanted.
    using Work = std::function<std::vector<float>(const CheckCancelled&)>;

    explicit SoundThread(Work work) : thread_([this, work = std::move(work)] { run(work); }) {}
    // Ends the work before its next stage.
    ~SoundThread() {
        {
            const std::lock_guard<std::mutex> hold(lock_);
            unwanted_ = true;
        }
        thread_.join();
    }
    SoundThread(const SoundThread&) = delete;
    SoundThread& operator=(const SoundThread&) = delete;

    bool finished() const {
        const std::lock_guard<std::mutex> hold(lock_);
        return done_;
    }
    // Waits for the samples and calls `between` on the caller's thread as often as a stage ends. Throws what the work
    // threw, or what `between` throws.
    std::vector<float> wait(const CheckCancelled& between) {
        std::unique_lock<std::mutex> hold(lock_);
        for (std::size_t seen = 0; !done_;) {
            changed_.wait(hold, [&] { return done_ || stages_ != seen; });
            seen = stages_;
            hold.unlock();
            between();
            hold.lock();
        }
        if (failed_) std::rethrow_exception(failed_);
        return std::move(samples_);
    }

private:
    mutable std::mutex lock_;
    std::condition_variable changed_;
    bool unwanted_ = false, done_ = false;
    std::size_t stages_ = 0;
    std::vector<float> samples_;
    std::exception_ptr failed_;
    std::thread thread_;  // last: it begins when everything above is there

    void run(const Work& work) {
        std::vector<float> samples;
        std::exception_ptr failed;
        try {
            samples = work([this] { next_stage(); });
        } catch (...) {
            failed = std::current_exception();
        }
        const std::lock_guard<std::mutex> hold(lock_);
        samples_ = std::move(samples);
        failed_ = failed;
        done_ = true;
        changed_.notify_all();
    }
    void next_stage() {
        const std::lock_guard<std::mutex> hold(lock_);
        if (unwanted_) throw Error(Fault::cancelled, "speech", "to go on", "sound that is not wanted", "Speak again.");
        ++stages_;
        changed_.notify_all();
    }
};

}  // namespace kokoro_npu
