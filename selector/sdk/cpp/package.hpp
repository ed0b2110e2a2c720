// An opened package: the manifest read, every file checked. Immutable, and safe to use from several threads.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kokoro_npu.hpp"
#include "manifest.hpp"

namespace kokoro_npu {

// A voice, or a mix of voices: 510 rows of 256 numbers, and the voices whose tables bound its length.
struct Voice {
    std::vector<std::string> parts;
    std::vector<float> rows;
    std::size_t width = 0;

    // The row of a text of n phonemes, pads not counted.
    const float* row(std::size_t phonemes) const { return rows.data() + (phonemes - 1) * width; }
};

class Package {
public:
    // Reads the manifest and checks that every file that speech is made from is there, with its size and (where
    // `hashes`) its SHA-256. Throws Error(package) that names the first that is not.
    Package(const std::string& folder, bool hashes);

    const Manifest& manifest() const { return manifest_; }
    const Selector& selector() const { return selector_; }
    std::string path(const std::string& file) const { return folder_ + "/" + file; }
    const std::string& folder() const { return folder_; }
    // One digest of the models and their weights; Python's receipts.models_digest.
    std::string models_digest() const;
    // "name", or a mix: "a,b" is the mean, "a:0.7+b:0.3" is weighted. Throws Error(package): unknown voice.
    Voice voice(const std::string& name) const;
    // By name, the first by alphabet where it is empty.
    std::string first_voice() const { return manifest_.voices.begin()->first; }

private:
    std::string folder_;
    std::string text_;  // of the manifest
    Manifest manifest_;
    Selector selector_;

    std::vector<float> rows_of(const std::string& name) const;
    std::map<std::string, bool> model_folders() const;
};

}  // namespace kokoro_npu
