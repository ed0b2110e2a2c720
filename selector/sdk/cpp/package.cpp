#include "package.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>

#include "mapped_file.hpp"
#include "sha256.hpp"

namespace kokoro_npu {
namespace {

constexpr const char* again = "Get the package again.";

std::string manifest_text(const std::string& folder) {
    const std::string path = folder + "/manifest.json";
    try {
        return std::string(MappedFile(path).text());
    } catch (const Error& error) {
        throw Error(Fault::package, path, "a package's manifest", error.got, "Check the path, or make the package.");
    }
}

Selector selector_of(const std::string& text, const std::string& folder) {
    try {
        return Selector(text);
    } catch (const std::invalid_argument& error) {
        throw Error(Fault::package, folder + "/manifest.json", "a manifest of schema version 1", error.what(),
                    "Get the package again, or a newer kokoro-npu for a newer package.");
    }
}

void check_file(const std::string& path, const PackagedFile& listed, bool hashes) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) throw Error(Fault::package, path, "a file of the package", error.message(), again);
    if (size != listed.size)
        throw Error(Fault::package, path, std::to_string(listed.size) + " bytes", std::to_string(size) + " bytes", again);
    if (!hashes) return;
    const MappedFile file(path);
    Sha256 sum;
    sum.update(file.data(), file.size());
    const std::string got = sum.hex();
    if (got != listed.sha256) throw Error(Fault::package, path, "sha256 " + listed.sha256, got, again);
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace

Package::Package(const std::string& folder, bool hashes)
    : folder_(folder),
      text_(manifest_text(folder)),
      manifest_(read_manifest(text_, folder + "/manifest.json")),
      selector_(selector_of(text_, folder)) {
    text_ = {};
    for (const auto& voice : manifest_.voices)
        if (!selector_.knows(voice.first))
            throw Error(Fault::package, folder + "/manifest.json", "a table for every voice", "none for " + voice.first,
                        again);
    // Fused models lie beside the stock ones; a library of operators is checked before it is loaded.
    // What no stage reads (LICENSE, the report) may have other line ends or be gone.
    const auto models = model_folders();
    std::map<std::string, bool> read;
    for (const auto& voice : manifest_.voices) read[voice.second] = true;
    for (const auto& file : manifest_.files)
        if (models.count(folder_of(file.first)) || read.count(file.first))
            check_file(path(file.first), file.second, hashes);
}

std::map<std::string, bool> Package::model_folders() const {
    std::map<std::string, bool> folders;
    for (const auto& bucket : selector_.buckets())
        for (const auto& model : bucket.models) folders[folder_of(model.second)] = true;
    return folders;
}

std::string Package::models_digest() const {
    const auto folders = model_folders();
    std::map<std::string, bool> fused;
    for (const auto& bucket : manifest_.fused_models)
        for (const auto& model : bucket.second) fused[model.second] = true;
    Sha256 sum;
    for (const auto& file : manifest_.files) {
        if (!folders.count(folder_of(file.first)) || fused.count(file.first)) continue;
        const std::string line = file.first + '\0' + file.second.sha256 + '\n';
        sum.update(line.data(), line.size());
    }
    return sum.hex();
}

std::vector<float> Package::rows_of(const std::string& name) const {
    const std::string& listed = manifest_.voices.at(name);
    const MappedFile file(path(listed));
    const auto count = static_cast<std::size_t>(manifest_.voice_rows * manifest_.voice_width);
    if (file.size() != count * 4)
        throw Error(Fault::package, listed, std::to_string(count * 4) + " bytes", std::to_string(file.size()), again);
    std::vector<float> rows(count);
    std::memcpy(rows.data(), file.data(), file.size());  // little-endian, as every Android
    for (const float value : rows)
        if (!std::isfinite(value))
            throw Error(Fault::package, listed, "finite numbers", "NaN or infinity", again);
    return rows;
}

namespace {

std::vector<MixPart> parts_of(const std::string& name, const std::map<std::string, std::string>& voices) {
    try {
        return mix_parts(name, [&](const std::string& one) { return voices.count(one) > 0; });
    } catch (const std::invalid_argument& error) {
        std::string known;
        for (const auto& [voice, file] : voices) known += (known.empty() ? "" : ", ") + voice;
        throw Error(Fault::package, "voice '" + name.substr(0, 60) + "'", "one of " + known + ", or a mix of them",
                    error.what(), "Write a mix as name,name or name:0.7+name:0.3.");
    }
}

}  // namespace

Voice Package::voice(const std::string& name) const {
    Voice voice;
    voice.width = static_cast<std::size_t>(manifest_.voice_width);
    const std::vector<MixPart> parts = parts_of(name, manifest_.voices);
    if (parts.size() == 1) voice.rows = rows_of(parts[0].name);
    std::vector<double> sums;
    for (const MixPart& part : parts) {
        voice.parts.push_back(part.name);
        if (parts.size() == 1) break;
        const std::vector<float> rows = rows_of(part.name);
        sums.resize(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) sums[i] += part.weight * static_cast<double>(rows[i]);
    }
    for (const double sum : sums) voice.rows.push_back(static_cast<float>(sum));
    return voice;
}

}  // namespace kokoro_npu
