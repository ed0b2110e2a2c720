// The sessions of one package: opened when a stage is first needed, closed when they take more memory than allowed.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "mapped_file.hpp"
#include "package.hpp"

namespace kokoro_npu {

struct PoolSettings {
    int threads = 0;                 // inside one operator; 0 is one per core
    std::uint64_t memory_limit = 0;  // bytes that open sessions may take; 0 is no limit
    std::string plugin;              // library of the NPU's provider, where ONNX Runtime has it not built in
};

class SessionPool {
public:
    SessionPool(const Package& package, PoolSettings settings);

    // The session of a stage at a bucket, on the NPU's provider or the CPU's. Throws Error(contract): the model does not
    // load; Error(device): the provider is not there.
    std::shared_ptr<Ort::Session> open(const Bucket& bucket, const std::string& stage, bool npu);
    // Closes the sessions that were not used for longest, until the others fit the limit. Those in use stay.
    void trim();
    std::size_t open_sessions() const;

    // From now on, stages that have a fused model take it, with this library of operators. Throws Ort::Exception: ONNX
    // Runtime does not take the library.
    void use_fused(const std::string& library);
    // From now on, every stage takes its stock model. Sessions of fused models are closed.
    void use_stock();

private:
    // `bytes`: by how much the process grew while the session was opened. Other threads' memory counts, too, so it is
    // a measure for a limit and no figure to report.
    struct Kept {
        std::string key;
        std::shared_ptr<Ort::Session> session;
        std::uint64_t bytes;
    };
    const Package& package_;
    PoolSettings settings_;
    std::shared_ptr<Ort::Env> environment_;
    mutable std::mutex lock_;
    std::list<Kept> kept_;  // the last used first
    // Behind a provider that takes weights from memory; mapped, so that the sessions share its pages.
    std::shared_ptr<MappedFile> weights_;
    // With the library of fused operators, from which the options of the fused models' sessions are cloned: the library
    // keeps a few bytes for each time that it is registered. Empty where stock operators run.
    std::unique_ptr<Ort::SessionOptions> fused_;

    std::shared_ptr<Ort::Session> load(const std::string& file, bool npu, bool fused);
};

}  // namespace kokoro_npu
