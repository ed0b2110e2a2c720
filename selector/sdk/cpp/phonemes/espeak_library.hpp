// espeak-ng's library, opened while the program runs. Its license is the GPL, version 3: this project neither links nor
// ships it, and an app that ships it takes that license on.
#pragma once

#include <memory>
#include <string>

namespace kokoro_npu {

struct EspeakPaths {
    std::string library;  // such as libespeak-ng.so.1; a bare name is searched where the system keeps libraries
    std::string data;     // the folder espeak-ng-data; empty: where the library was told to look when it was built
};

// One per process and library, shared by whoever opens it; its calls take turns, because espeak keeps state for the whole
// process.
class EspeakLibrary {
public:
    // Throws Error(device): no such library, or no data.
    static std::shared_ptr<EspeakLibrary> open(const EspeakPaths& paths);
    ~EspeakLibrary();
    EspeakLibrary(const EspeakLibrary&) = delete;
    EspeakLibrary& operator=(const EspeakLibrary&) = delete;

    // Whether there is a voice for a language such as fr-fr.
    bool knows(const std::string& language) const;
    // The symbols of the International Phonetic Alphabet for words without punctuation, the parts of one sound tied with
    // U+0361. Throws Error(text): there is no voice for the language.
    std::string ipa(const std::string& words, const std::string& language);

private:
    struct Parts;
    explicit EspeakLibrary(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace kokoro_npu
