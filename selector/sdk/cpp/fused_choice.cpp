#include "fused_choice.hpp"

#include <dlfcn.h>

#include <algorithm>

#include "mapped_file.hpp"
#include "sha256.hpp"

namespace kokoro_npu {
namespace {

// As manifests name platforms.
constexpr const char* platform =
#if defined(__ANDROID__) && defined(__aarch64__)
    "android-arm64-v8a";
#elif defined(__linux__) && !defined(__ANDROID__) && defined(__aarch64__)
    "linux-aarch64";
#elif defined(__linux__) && !defined(__ANDROID__) && defined(__x86_64__)
    "linux-x86_64";
#else
    "";
#endif

std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text.substr(0, 200);
}

// Empty where the file is as the manifest lists it.
std::string wrong_with(const std::string& path, const std::string& listed_as, const PackagedFile& listed) {
    try {
        const MappedFile file(path);
        Sha256 sum;
        sum.update(file.data(), file.size());
        return sum.hex() == listed.sha256 ? "" : listed_as + " is changed";
    } catch (const Error&) {
        return listed_as + " is missing";
    }
}

// Empty where the library has operators of the wanted version. ONNX Runtime does not compare versions: it would run
// operators of another meaning.
std::string wrong_version(const std::string& path, const std::string& name, std::int64_t wanted) {
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char* error = ::dlerror();
        return name + " does not load: " + one_line(error ? error : "no reason");
    }
    using Version = int (*)();
    const auto version = reinterpret_cast<Version>(::dlsym(library, "kokoro_npu_ops_version"));
    const int got = version ? version() : 0;
    ::dlclose(library);
    if (!version) return name + " does not say its version";
    if (got == wanted) return {};
    return name + " has operators of version " + std::to_string(got) + ", and the models need " + std::to_string(wanted);
}

}  // namespace

OperatorChoice choose_operators(const Package& package, const EngineOptions& options, SessionPool& pool) {
    const Manifest& manifest = package.manifest();
    if (manifest.fused_models.empty()) return {false, "the package has stock operators alone"};
    if (options.stock_operators) return {false, "the app chose stock operators"};
    std::string library = options.ops_library, name = options.ops_library;
    if (library.empty()) {
        const auto found = manifest.fused_libraries.find(platform);
        if (found == manifest.fused_libraries.end())
            return {false, std::string("the package has no library for ") + (*platform ? platform : "this platform")};
        name = found->second;
        library = package.path(name);
        const std::string changed = wrong_with(library, name, manifest.files.at(name));
        if (!changed.empty()) return {false, changed};
    }
    const std::string wrong = wrong_version(library, name, manifest.fused_version);
    if (!wrong.empty()) return {false, wrong};
    try {
        pool.use_fused(library);
        for (const Bucket& bucket : package.selector().buckets())
            for (const auto& stage : manifest.stages)
                if (manifest.fused_model(bucket.name, stage.name)) pool.open(bucket, stage.name, false);
        return {true, name};
    } catch (const Ort::Exception& error) {  // the library
        pool.use_stock();
        return {false, "ONNX Runtime refuses " + name + ": " + one_line(error.what())};
    } catch (const Error& error) {  // a model
        pool.use_stock();
        return {false, "ONNX Runtime refuses " + name + ": " + one_line(error.got)};
    }
}

}  // namespace kokoro_npu
