#include "session_pool.hpp"

#include <cstdio>
#include <filesystem>

#include "ort_provider.hpp"

namespace kokoro_npu {
namespace {

namespace fs = std::filesystem;

constexpr const char* weights_name = "weights.bin";

std::uint64_t resident_bytes() {
    unsigned long long whole = 0, resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%llu %llu", &whole, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// In a hub's cache both files are links into different places, and ONNX Runtime refuses weights outside the model's
// real folder.
bool linked_elsewhere(const fs::path& model, const fs::path& weights) {
    std::error_code error;
    return fs::canonical(weights, error).parent_path() != fs::canonical(model, error).parent_path();
}

}  // namespace

SessionPool::SessionPool(const Package& package, PoolSettings settings)
    : package_(package), settings_(std::move(settings)), environment_(ort_environment()) {}

std::shared_ptr<Ort::Session> SessionPool::open(const Bucket& bucket, const std::string& stage, bool npu) {
    const std::lock_guard<std::mutex> hold(lock_);
    const std::string* fused = npu || !fused_ ? nullptr : package_.manifest().fused_model(bucket.name, stage);
    const std::string key = stage + ' ' + bucket.name + (npu ? " npu" : fused ? " fused" : " cpu");
    for (auto at = kept_.begin(); at != kept_.end(); ++at) {
        if (at->key != key) continue;
        kept_.splice(kept_.begin(), kept_, at);
        return at->session;
    }
    const std::uint64_t before = resident_bytes();
    auto session = load(package_.path(fused ? *fused : bucket.models.at(stage)), npu, fused != nullptr);
    const std::uint64_t after = resident_bytes();
    kept_.push_front({key, session, after > before ? after - before : 0});
    return session;
}

std::shared_ptr<Ort::Session> SessionPool::load(const std::string& file, bool npu, bool fused) {
    try {
        const Manifest& manifest = package_.manifest();
        const auto& provider = npu ? manifest.npu : manifest.cpu;
        auto options = fused ? fused_->Clone()
                             : session_options(*environment_, provider, settings_.threads, npu ? settings_.plugin : "");
        // An EPContext model names its binary beside itself; all sessions of a package share one copy of its weights.
        const bool context = npu && !manifest.contexts_chip.empty();
        if (context) options.AddConfigEntry("ep.share_ep_contexts", "1");
        const fs::path weights = fs::path(file).parent_path() / weights_name;
        // NNAPI refuses weights that lie in a file; the CPU's provider reads a file as it needs it.
        const bool in_memory = !context && fs::exists(weights) && (npu || linked_elsewhere(file, weights));
        if (in_memory) {
            if (!weights_) weights_ = std::make_shared<MappedFile>(weights.string());
            options.AddExternalInitializersFromFilesInMemory(
                {weights_name}, {const_cast<char*>(weights_->data())}, {weights_->size()});
        }
        if (!in_memory) return std::make_shared<Ort::Session>(*environment_, file.c_str(), options);
        const MappedFile model(file);
        return std::make_shared<Ort::Session>(*environment_, model.data(), model.size(), options);
    } catch (const Ort::Exception& error) {
        throw Error(npu ? Fault::device : Fault::contract, file, "a model that ONNX Runtime loads",
                    std::string(error.what()).substr(0, 200), "Get the package again, or another ONNX Runtime.");
    }
}

void SessionPool::trim() {
    if (settings_.memory_limit == 0) return;
    const std::lock_guard<std::mutex> hold(lock_);
    std::uint64_t sum = 0;
    for (const Kept& one : kept_) sum += one.bytes;
    for (auto at = kept_.end(); at != kept_.begin() && sum > settings_.memory_limit;) {
        --at;
        if (at->session.use_count() > 1) continue;
        sum -= at->bytes;
        at = kept_.erase(at);
    }
}

void SessionPool::use_fused(const std::string& library) {
    const std::lock_guard<std::mutex> hold(lock_);
    auto options = session_options(*environment_, package_.manifest().cpu, settings_.threads, "");
    options.RegisterCustomOpsLibrary(library.c_str());
    fused_ = std::make_unique<Ort::SessionOptions>(std::move(options));
}

void SessionPool::use_stock() {
    const std::lock_guard<std::mutex> hold(lock_);
    fused_.reset();
    kept_.remove_if([](const Kept& one) { return one.key.size() > 6 && one.key.rfind(" fused") == one.key.size() - 6; });
}

std::size_t SessionPool::open_sessions() const {
    const std::lock_guard<std::mutex> hold(lock_);
    return kept_.size();
}

}  // namespace kokoro_npu
