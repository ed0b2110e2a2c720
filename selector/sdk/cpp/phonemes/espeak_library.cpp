#include "phonemes/espeak_library.hpp"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <utility>

#include "error.hpp"

namespace kokoro_npu {
namespace {

// What speak_lib.h of espeak-ng declares, of which its interface consists since version 1.49.
struct EspeakVoice {
    const char* name;
    const char* languages;  // a byte of priority, then the language
    const char* identifier;
    unsigned char gender, age, variant, unused;
    int score;
    void* spare;
};
constexpr int synchronous = 2, no_exit = 0x8000, utf8_text = 1;
constexpr int tied_ipa = 0x02 | 0x80 | (0x361 << 8);

std::mutex& turn() {
    static std::mutex one;
    return one;
}

[[noreturn]] void refuse(const std::string& where, const std::string& expected, const std::string& got) {
    throw Error(Fault::device, where, expected, got, "Install espeak-ng, or pass the paths of its library and its data.");
}

}  // namespace

struct EspeakLibrary::Parts {
    void* handle = nullptr;
    std::string data;
    std::map<std::string, std::string> voices;  // language -> the identifier of its first voice
    std::string current;
    bool initialized = false;
    int (*initialize)(int, int, const char*, int) = nullptr;
    const EspeakVoice** (*list_voices)(EspeakVoice*) = nullptr;
    int (*set_voice)(const char*) = nullptr;
    const char* (*to_phonemes)(const void**, int, int) = nullptr;
    int (*terminate)() = nullptr;

    ~Parts() {
        if (initialized) terminate();
        if (handle) ::dlclose(handle);
    }

    template <typename Function>
    void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(::dlsym(handle, name));
        if (!function) refuse("espeak-ng's library", std::string("the function ") + name, "none");
    }
};

EspeakLibrary::EspeakLibrary(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

EspeakLibrary::~EspeakLibrary() {
    const std::lock_guard<std::mutex> lock(turn());
    parts_.reset();
}

std::shared_ptr<EspeakLibrary> EspeakLibrary::open(const EspeakPaths& paths) {
    static std::map<std::string, std::weak_ptr<EspeakLibrary>> opened;
    static std::mutex opening;
    const std::lock_guard<std::mutex> one_at_a_time(opening);
    if (auto again = opened[paths.library].lock()) {
        if (again->parts_->data != paths.data)
            refuse(paths.library, "the data that it was opened with, '" + again->parts_->data + "'", "'" + paths.data + "'");
        return again;
    }
    const std::lock_guard<std::mutex> lock(turn());
    auto parts = std::make_unique<Parts>();
    parts->handle = ::dlopen(paths.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!parts->handle) {
        const char* why = ::dlerror();
        refuse(paths.library.empty() ? "espeak-ng's library" : paths.library, "a library that can be loaded",
               why ? why : "none");
    }
    parts->data = paths.data;
    parts->find(parts->initialize, "espeak_Initialize");
    parts->find(parts->list_voices, "espeak_ListVoices");
    parts->find(parts->set_voice, "espeak_SetVoiceByName");
    parts->find(parts->to_phonemes, "espeak_TextToPhonemes");
    parts->find(parts->terminate, "espeak_Terminate");
    const char* data = paths.data.empty() ? nullptr : paths.data.c_str();
    parts->initialized = parts->initialize(synchronous, 0, data, no_exit) >= 0;
    if (parts->initialized)
        for (const EspeakVoice** voice = parts->list_voices(nullptr); *voice; ++voice)
            parts->voices.emplace((*voice)->languages + 1, (*voice)->identifier);
    if (parts->voices.empty())  // as where there is no such folder
        refuse(paths.data.empty() ? paths.library : paths.data, "espeak-ng-data of the library's version", "none");
    std::shared_ptr<EspeakLibrary> made(new EspeakLibrary(std::move(parts)));
    opened[paths.library] = made;
    return made;
}

bool EspeakLibrary::knows(const std::string& language) const { return parts_->voices.count(language) > 0; }

std::string EspeakLibrary::ipa(const std::string& words, const std::string& language) {
    const auto voice = parts_->voices.find(language);
    if (voice == parts_->voices.end())
        throw Error(Fault::text, "language", "one that espeak-ng has a voice for, such as fr-fr, es, it, hi or pt-br",
                    "'" + language + "'", "Choose one of `espeak-ng --voices`, or pass a phonemizer for it.");
    const std::lock_guard<std::mutex> lock(turn());
    if (parts_->current != language) {
        parts_->current.clear();
        if (parts_->set_voice(voice->second.c_str()) != 0)
            refuse(parts_->data, "the voice " + voice->second, "none that can be read");
        parts_->current = language;
    }
    std::string out;
    const void* rest = words.c_str();
    for (bool first = true; rest != nullptr;) {  // a clause per call
        const char* phonemes = parts_->to_phonemes(&rest, utf8_text, tied_ipa);
        if (!phonemes || !*phonemes) continue;
        out += (first ? "" : " ") + std::string(phonemes);
        first = false;
    }
    return out;
}

}  // namespace kokoro_npu
