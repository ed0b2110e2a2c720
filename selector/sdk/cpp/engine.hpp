// The engine: opens a package and speaks. C++17 and ONNX Runtime; other languages use kokoro_npu.h.
//
//     kokoro_npu::Engine engine("kokoro-npu-…-cpu");
//     kokoro_npu::SpeechRequest request;
//     request.phonemes = "həlˈO wˈɜɹld";                      // or `text`, with a phonemizer
//     engine.speak(request, [&](const kokoro_npu::Spoken& chunk) { play(chunk.samples); });
//
// Chunks are the samples that Python's Package.synthesize gives for the same text, voice, speed and seed; the first is
// given before the last is made. Any number of threads may speak at once. Errors are kokoro_npu::Error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "speaker.hpp"

namespace kokoro_npu {

enum class ProviderChoice {
    automatic,  // the NPU where it is proven to be right and faster on this device; else the CPU, with a reason
    cpu,
    npu  // the NPU without a proof; where it fails, the CPU
};

enum class SideBySide {
    automatic,  // where the NPU runs the vocoder
    never,
    always
};

struct EngineOptions {
    int threads = 0;                 // inside one operator of the CPU's sessions; 0 is one per core
    std::uint64_t memory_limit = 0;  // bytes that open sessions may take; 0 keeps every session that was opened
    ProviderChoice provider = ProviderChoice::automatic;
    bool check_hashes = true;  // false: sizes alone, for a folder that only this app writes
    std::string plugin;        // library of the NPU's provider, where ONNX Runtime has it not built in
    std::string probe_program;  // kokoro_npu_probe; without it, only receipts can choose the NPU
    int probe_seconds = 120;    // after which a probe that does not answer is ended
    std::string cache_folder;   // for results of probes; without it, each opening probes anew
    std::string soc, model;     // as receipts name devices; empty: as Android says
    bool stock_operators = false;  // ONNX Runtime's own operators, also where the package's fused ones could run
    // The library of fused operators, where it is not the package's: a path, or the name by which the system finds it
    // (in an Android app: libkokoro_npu_ops.so). Its hash is not checked; empty: the package's, if its hash is right.
    std::string ops_library;
    // Whether a second thread runs the vocoder while the speaking thread runs the other stages for the next chunk. The
    // samples are the same. Where the CPU runs both, they share its cores.
    SideBySide side_by_side = SideBySide::automatic;
};

struct SpeechRequest {
    std::string text;      // any length, UTF-8; needs `phonemize`
    std::string phonemes;  // instead of a text
    std::string voice;     // empty: the first by alphabet; or a mix, "a,b" or "a:0.7+b:0.3"
    double speed = 1;      // 0.5 to 2
    std::uint64_t seed = 0;
    std::string language;  // for the phonemizer; empty: that of the voice's name
    Phonemizer phonemize;
    std::function<bool()> cancelled;  // asked between stages; true ends the speech with Error(cancelled)
};

class Speech;

class Engine {
public:
    // Opens a package and checks its files. Throws Error(package), or Error(device): ONNX Runtime is too old.
    explicit Engine(const std::string& folder, EngineOptions options = {});
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    // Speaks on the calling thread, and returns when the last chunk was given. An exception of a callback ends it.
    // Throws Error(text), Error(contract): the speed, Error(package): the voice, Error(cancelled).
    void speak(const SpeechRequest& request, const OnSpoken& on_spoken) const;
    // A speech whose text is still to come; `text` and `phonemes` of the request are not read.
    Speech begin(const SpeechRequest& request, OnSpoken on_spoken) const;

    const Manifest& manifest() const;
    // Which provider and which operators speak and why, and what fell back, as one line of JSON.
    std::string report() const;
    std::size_t open_sessions() const;
    // Frees everything. A speech on another thread ends before its next stage with Error(cancelled).
    void close();

    struct State;

private:
    std::shared_ptr<State> state_;
    const std::shared_ptr<State>& opened() const;
};

// A text that is still growing, such as the answer of a language model: sentences are spoken when they are complete.
class Speech {
public:
    Speech(Speech&&) noexcept;
    ~Speech();
    // Adds text; speaks the sentences that it completes, on the calling thread. A sentence is complete when the word
    // behind it is there, because that word decides whether a full stop ends a sentence.
    void push(const std::string& piece);
    // Speaks what is left, and the silence at the end. Throws Error(text) where nothing was spoken.
    void finish();

private:
    friend class Engine;
    struct Parts;
    explicit Speech(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

// As in `bf_emma`: the first letter of a voice's name is its language. American English if the name has none.
std::string language_of(const std::string& voice);

}  // namespace kokoro_npu
