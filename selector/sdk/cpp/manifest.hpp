// What the engine reads of manifest.json: stages, providers, voices, files, the golden sentence, what receipts say.
//
// Buckets, the vocabulary and the selector's table are read by kokoro_npu.hpp. Keys that are not known are passed over,
// as docs/compatibility.md promises; a missing key, a wrong type or a path that leaves the package is an error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "kokoro_npu.hpp"

namespace kokoro_npu {

struct Port {
    std::string name;
    bool integers = false;         // int32; else float32
    bool along_tokens = false;     // its last axis is the bucket's tokens
};

struct StageContract {
    std::string name;
    bool on_npu = false;
    std::vector<Port> inputs, outputs;
};

struct ProviderOptions {
    std::string name;  // ONNX Runtime's
    bool optimized = true;
    std::map<std::string, std::string> options, session;
};

struct PackagedFile {
    std::uint64_t size = 0;
    std::string sha256;
};

// The sentence by which providers are compared, and dB by stage that they must reach.
struct Golden {
    std::string phonemes, voice;
    double speed = 1;
    std::uint64_t seed = 0;
    std::map<std::string, double> floors;
};

// What receipts say about one chip or model: the fastest target that holds there, and why others do not.
struct DeviceEntry {
    std::string use;
    std::map<std::string, std::string> failed;
};

struct Manifest {
    std::string package, version, target;
    std::int64_t sample_rate = 0, samples_per_frame = 0, max_phonemes = 0;
    std::vector<StageContract> stages;  // in the order of the data
    std::map<std::string, bool> dynamic_buckets;
    ProviderOptions npu, cpu;
    std::map<std::string, std::string> voices;  // name -> file
    std::int64_t voice_rows = 0, voice_width = 0;
    Golden golden;
    std::map<std::string, DeviceEntry> socs, models;
    std::map<std::string, PackagedFile> files;
    std::map<std::string, std::map<std::string, std::string>> fused_models;  // bucket -> stage -> file
    std::map<std::string, std::string> fused_libraries;                      // platform -> file
    std::int64_t fused_version = 0;                                          // of the operators that they need
    std::string contexts_chip;  // whose NPU alone runs the NPU stages; empty: they are plain ONNX
    std::string pause_marks;
    std::int64_t pause_tokens = 0;

    // The file of a stage's model with fused operators; null where it has none.
    const std::string* fused_model(const std::string& bucket, const std::string& stage) const {
        const auto stages = fused_models.find(bucket);
        if (stages == fused_models.end()) return nullptr;
        const auto file = stages->second.find(stage);
        return file == stages->second.end() ? nullptr : &file->second;
    }
};

namespace detail {

inline const Json* found(const Json& object, std::string_view key) {
    for (const auto& entry : object.entries())
        if (entry.first == key) return entry.second.kind == Json::Kind::null ? nullptr : &entry.second;
    return nullptr;
}
inline double number(const Json& value) {
    if (value.kind != Json::Kind::number) refuse("expected a number");
    return value.number;
}
inline std::map<std::string, std::string> strings(const Json& object) {
    std::map<std::string, std::string> out;
    for (const auto& entry : object.entries()) out[entry.first] = entry.second.str();
    return out;
}
inline std::int64_t positive(const Json& value) {
    const std::int64_t whole = value.whole();
    if (whole < 1) refuse("expected a number above 0");
    return whole;
}

// A relative path with plain parts: no root, no "..", no drive, no backslash.
inline const std::string& inside(const std::string& path) {
    bool bad = path.empty() || path.find_first_of(std::string_view("\\:\0", 3)) != std::string::npos;
    for (std::size_t from = 0, to = 0; !bad && to != std::string::npos; from = to + 1) {
        to = path.find('/', from);
        const std::string part = path.substr(from, to == std::string::npos ? to : to - from);
        bad = part.empty() || part == "." || part == "..";
    }
    if (bad) refuse("expected a path inside the package instead of " + path.substr(0, 80));
    return path;
}

inline std::vector<Port> ports(const Json& list) {
    std::vector<Port> out;
    for (const auto& item : list.items()) {
        const std::string& dtype = item["dtype"].str();
        const auto& shape = item["shape"].items();
        if (dtype != "int32" && dtype != "float32") refuse("expected int32 or float32 instead of " + dtype);
        const bool tokens = !shape.empty() && shape.back().kind == Json::Kind::string && shape.back().string == "tokens";
        out.push_back({item["name"].str(), dtype == "int32", tokens});
    }
    return out;
}

inline ProviderOptions provider_options(const Json& json) {
    const std::string& level = json["optimization"].str();
    if (level != "all" && level != "disable_all") refuse("expected all or disable_all instead of " + level);
    return {json["name"].str(), level == "all", strings(json["options"]), strings(json["session"])};
}

inline std::map<std::string, DeviceEntry> device_entries(const Json& json) {
    std::map<std::string, DeviceEntry> out;
    for (const auto& entry : json.entries())
        out[entry.first] = {entry.second["use"].str(), strings(entry.second["failed"])};
    return out;
}

// After `files`, which every model and library is among.
inline void read_fused(const Json& json, Manifest& m) {
    const auto listed = [&](const std::string& path) {
        if (m.files.count(inside(path)) == 0) refuse(path + " is not among the files");
    };
    for (const auto& bucket : json["models"].entries()) m.fused_models[bucket.first] = strings(bucket.second);
    m.fused_libraries = strings(json["libraries"]);
    m.fused_version = positive(json["version"]);
    for (const auto& bucket : m.fused_models)
        for (const auto& model : bucket.second) listed(model.second);
    for (const auto& library : m.fused_libraries) listed(library.second);
}

inline Manifest read(const Json& root) {
    Manifest m;
    if (root["schema_version"].whole() != 1) refuse("expected schema version 1");
    m.package = root["package"].str();
    m.version = root["version"].str();
    m.target = root["target"].str();
    m.sample_rate = positive(root["geometry"]["sample_rate"]);
    m.samples_per_frame = positive(root["geometry"]["samples_per_frame"]);
    m.max_phonemes = positive(root["geometry"]["max_phonemes"]);
    if (m.samples_per_frame > 1 << 20 || m.max_phonemes > 1 << 20) refuse("expected a smaller geometry");
    for (const auto& item : root["stages"].items())
        m.stages.push_back(
            {item["name"].str(), item["runs_on"].str() == "npu", ports(item["inputs"]), ports(item["outputs"])});
    for (const auto& item : root["buckets"].items()) {
        const Json* dynamic = found(item, "dynamic");
        m.dynamic_buckets[item["name"].str()] = dynamic && dynamic->kind == Json::Kind::boolean && dynamic->number != 0;
        for (const auto& model : item["models"].entries()) inside(model.second.str());
        for (const auto& stage : m.stages) item["models"][stage.name];
    }
    if (m.stages.empty() || m.dynamic_buckets.empty()) refuse("expected stages and buckets");
    m.npu = provider_options(root["providers"]["npu"]);
    m.cpu = provider_options(root["providers"]["cpu"]);
    m.voices = strings(root["voices"]["files"]);
    for (const auto& voice : m.voices) inside(voice.second);
    m.voice_rows = positive(root["voices"]["rows"]);
    m.voice_width = positive(root["voices"]["width"]);
    if (m.voices.empty() || m.voice_rows != m.max_phonemes || m.voice_width > 1 << 20 || m.voice_width % 2 != 0)
        refuse("expected voices of a row for each number of phonemes");
    const Json& golden = root["golden"];
    m.golden = {golden["phonemes"].str(), golden["voice"].str(), number(golden["speed"]),
                static_cast<std::uint64_t>(golden["seed"].whole()), {}};
    for (const auto& floor : golden["floors"].entries()) m.golden.floors[floor.first] = number(floor.second);
    if (const Json* devices = found(root, "devices")) {
        m.socs = device_entries((*devices)["socs"]);
        m.models = device_entries((*devices)["models"]);
    }
    if (const Json* contexts = found(root, "contexts")) {
        m.contexts_chip = (*contexts)["chip"].str();
        if (m.contexts_chip.empty()) refuse("expected the chip of the contexts");
    }
    for (const auto& file : root["files"].entries()) {
        const std::int64_t size = file.second["size"].whole();
        if (size < 0) refuse("expected a file's size");
        m.files[inside(file.first)] = {static_cast<std::uint64_t>(size), file.second["sha256"].str()};
    }
    for (const auto& voice : m.voices)
        if (m.files.count(voice.second) == 0) refuse("voice " + voice.first + " is not among the files");
    for (const auto& item : root["buckets"].items())
        for (const auto& model : item["models"].entries())
            if (m.files.count(model.second.str()) == 0) refuse(model.second.str() + " is not among the files");
    if (const Json* fused = found(root, "fused")) read_fused(*fused, m);
    m.pause_marks = root["selector"]["pause_marks"].str();
    m.pause_tokens = root["selector"]["pause_tokens"].whole();
    if (m.pause_tokens < 0 || m.pause_tokens > 1 << 20) refuse("expected tokens of a pause");
    return m;
}

}  // namespace detail

// Throws Error(package).
inline Manifest read_manifest(std::string_view text, const std::string& where) {
    try {
        return detail::read(detail::Parser(text).whole());
    } catch (const std::invalid_argument& error) {
        throw Error(Fault::package, where, "a manifest of schema version 1", error.what(),
                    "Get the package again, or a newer kokoro-npu for a newer package.");
    }
}

}  // namespace kokoro_npu
