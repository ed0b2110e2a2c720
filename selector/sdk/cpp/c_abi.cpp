#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "kokoro_npu.h"
#include "phonemes/phonemizers.hpp"
#include "text/spoken.hpp"

struct kokoro_npu_engine {
    kokoro_npu::Engine engine;
};
struct kokoro_npu_speech {
    kokoro_npu::Speech speech;
};
struct kokoro_npu_phonemizer {
    kokoro_npu::Phonemizer phonemize;
};
struct kokoro_npu_error {
    std::string facts[4];
};

namespace {

using kokoro_npu::Error;
using kokoro_npu::Fault;

kokoro_npu_status said(kokoro_npu_error** out, const Error& error) noexcept {
    try {
        if (out) *out = new kokoro_npu_error{{error.where, error.expected, error.got, error.todo}};
    } catch (const std::bad_alloc&) {  // the status alone then has to do
    }
    return static_cast<kokoro_npu_status>(error.fault);
}

// No exception leaves the library.
template <typename Work>
kokoro_npu_status guarded(kokoro_npu_error** out, Work work) noexcept {
    if (out) *out = nullptr;
    try {
        work();
        return KOKORO_NPU_OK;
    } catch (const Error& error) {
        return said(out, error);
    } catch (const std::exception& error) {
        return said(out, Error(Fault::internal, "engine", "that it works", error.what(), "Report this."));
    } catch (...) {
        return said(out, Error(Fault::internal, "engine", "that it works", "an unknown exception", "Report this."));
    }
}

// The caller's struct, which may be older and shorter than this library's.
template <typename Struct>
Struct read_struct(const Struct* given, const char* name) {
    Struct out{};
    if (!given) return out;
    if (given->size < sizeof given->size)
        throw Error(Fault::internal, name, "its size in its first member", std::to_string(given->size),
                    "Set size to sizeof of the struct.");
    std::memcpy(&out, given, static_cast<std::size_t>(std::min<std::uint64_t>(given->size, sizeof out)));
    return out;
}

std::string text_of(const char* text) { return text ? text : ""; }

template <typename Pointer>
Pointer given(Pointer pointer, const char* name) {
    if (!pointer) throw Error(Fault::internal, name, "a pointer", "NULL", "Pass what kokoro_npu.h asks for.");
    return pointer;
}

kokoro_npu::SpeechRequest request_of(const kokoro_npu_request& c) {
    kokoro_npu::SpeechRequest request;
    request.text = text_of(c.text);
    request.phonemes = text_of(c.phonemes);
    request.voice = text_of(c.voice);
    request.language = text_of(c.language);
    request.speed = c.speed == 0 ? 1 : c.speed;
    request.seed = c.seed;
    if (c.phonemize)
        request.phonemize = [phonemize = c.phonemize, user = c.user](const std::string& text, const std::string& language) {
            return text_of(phonemize(user, text.c_str(), language.c_str()));
        };
    else if (c.phonemizer)
        request.phonemize = c.phonemizer->phonemize;
    if (c.is_cancelled) request.cancelled = [ask = c.is_cancelled, user = c.user] { return ask(user) != 0; };
    return request;
}

kokoro_npu::OnSpoken chunks_to(const kokoro_npu_request& c) {
    return [on_chunk = given(c.on_chunk, "on_chunk"), user = c.user](const kokoro_npu::Spoken& spoken) {
        std::vector<kokoro_npu_symbol> symbols;
        for (const auto& one : spoken.symbols) symbols.push_back({one.symbol.c_str(), one.start, one.end});
        kokoro_npu_chunk chunk{};
        chunk.size = sizeof chunk;
        chunk.samples = spoken.samples.data();
        chunk.count = spoken.samples.size();
        chunk.text = spoken.text.c_str();
        chunk.text_bucket = spoken.text_bucket.c_str();
        chunk.sound_bucket = spoken.sound_bucket.c_str();
        chunk.tokens = spoken.tokens;
        chunk.frames = spoken.frames;
        chunk.start = spoken.start;
        chunk.symbols = symbols.data();
        chunk.symbol_count = symbols.size();
        if (on_chunk(user, &chunk) != 0)
            throw Error(Fault::cancelled, "speech", "to go on", "a wish to stop", "Speak again.");
    };
}

std::uint64_t copied(const std::string& from, char* text, std::uint64_t size) {
    if (text && size > 0) {
        const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(from.size(), size - 1));
        std::memcpy(text, from.data(), length);
        text[length] = '\0';
    }
    return from.size() + 1;
}

kokoro_npu::Phonemizer phonemizer_of(const kokoro_npu_phonemizer_options& c) {
    const std::string name = text_of(c.name);
    kokoro_npu::reading::Lexicon lexicon(text_of(c.lexicon));
    if (name == "english") return kokoro_npu::english_phonemizer(text_of(c.data), std::move(lexicon));
    if (name == "espeak")
        return kokoro_npu::espeak_phonemizer({text_of(c.library), text_of(c.data)}, std::move(lexicon));
    throw Error(Fault::text, "phonemizer", "english or espeak", "'" + name + "'", "Name one of them, or pass your own.");
}

}  // namespace

int32_t kokoro_npu_abi_version(void) { return KOKORO_NPU_ABI_VERSION; }

kokoro_npu_status kokoro_npu_open(const char* folder, const kokoro_npu_options* options, kokoro_npu_engine** engine,
                                  kokoro_npu_error** error) {
    if (engine) *engine = nullptr;
    return guarded(error, [&] {
        const auto c = read_struct(options, "options");
        if (c.provider < KOKORO_NPU_AUTOMATIC || c.provider > KOKORO_NPU_NPU || c.threads < 0 ||
            c.side_by_side < KOKORO_NPU_BESIDE_NPU || c.side_by_side > KOKORO_NPU_BESIDE_ALWAYS)
            throw Error(Fault::internal, "options", "a provider, threads and side_by_side", "others", "Pass what kokoro_npu.h lists.");
        kokoro_npu::EngineOptions opened;
        opened.threads = c.threads;
        opened.memory_limit = c.memory_limit;
        opened.provider = static_cast<kokoro_npu::ProviderChoice>(c.provider);
        opened.check_hashes = c.skip_hashes == 0;
        if (c.probe_seconds > 0) opened.probe_seconds = c.probe_seconds;
        opened.plugin = text_of(c.plugin);
        opened.probe_program = text_of(c.probe_program);
        opened.cache_folder = text_of(c.cache_folder);
        opened.soc = text_of(c.soc);
        opened.model = text_of(c.model);
        opened.stock_operators = c.stock_operators != 0;
        opened.ops_library = text_of(c.ops_library);
        opened.side_by_side = static_cast<kokoro_npu::SideBySide>(c.side_by_side);
        *given(engine, "engine") = new kokoro_npu_engine{kokoro_npu::Engine(given(folder, "folder"), std::move(opened))};
    });
}

kokoro_npu_status kokoro_npu_speak(const kokoro_npu_engine* engine, const kokoro_npu_request* request,
                                   kokoro_npu_error** error) {
    return guarded(error, [&] {
        const auto c = read_struct(given(request, "request"), "request");
        given(engine, "engine")->engine.speak(request_of(c), chunks_to(c));
    });
}

void kokoro_npu_close(kokoro_npu_engine* engine) { delete engine; }

kokoro_npu_status kokoro_npu_begin(const kokoro_npu_engine* engine, const kokoro_npu_request* request,
                                   kokoro_npu_speech** speech, kokoro_npu_error** error) {
    if (speech) *speech = nullptr;
    return guarded(error, [&] {
        const auto c = read_struct(given(request, "request"), "request");
        *given(speech, "speech") =
            new kokoro_npu_speech{given(engine, "engine")->engine.begin(request_of(c), chunks_to(c))};
    });
}

kokoro_npu_status kokoro_npu_push(kokoro_npu_speech* speech, const char* piece, kokoro_npu_error** error) {
    return guarded(error, [&] { given(speech, "speech")->speech.push(given(piece, "piece")); });
}

kokoro_npu_status kokoro_npu_finish(kokoro_npu_speech* speech, kokoro_npu_error** error) {
    return guarded(error, [&] { given(speech, "speech")->speech.finish(); });
}

void kokoro_npu_end(kokoro_npu_speech* speech) { delete speech; }

int32_t kokoro_npu_sample_rate(const kokoro_npu_engine* engine) {
    return engine ? static_cast<int32_t>(engine->engine.manifest().sample_rate) : 0;
}

int64_t kokoro_npu_open_sessions(const kokoro_npu_engine* engine) {
    return engine ? static_cast<int64_t>(engine->engine.open_sessions()) : 0;
}

uint64_t kokoro_npu_voices(const kokoro_npu_engine* engine, char* text, uint64_t size) {
    std::string names;
    if (engine)
        for (const auto& voice : engine->engine.manifest().voices) names += (names.empty() ? "" : "\n") + voice.first;
    return copied(names, text, size);
}

uint64_t kokoro_npu_report(const kokoro_npu_engine* engine, char* text, uint64_t size) {
    return copied(engine ? engine->engine.report() : "", text, size);
}

kokoro_npu_status kokoro_npu_spoken(const char* text, const char* language, const char* lexicon, char** words,
                                    kokoro_npu_error** error) {
    if (words) *words = nullptr;
    return guarded(error, [&] {
        const kokoro_npu::reading::Lexicon entries = lexicon ? kokoro_npu::reading::Lexicon(lexicon)
                                                             : kokoro_npu::reading::Lexicon();
        const std::string said = kokoro_npu::spoken(given(text, "text"), given(language, "language"), entries);
        char*& out = *given(words, "words");
        out = new char[said.size() + 1];
        std::memcpy(out, said.c_str(), said.size() + 1);
    });
}

void kokoro_npu_words_free(char* words) { delete[] words; }

kokoro_npu_status kokoro_npu_open_phonemizer(const kokoro_npu_phonemizer_options* options,
                                             kokoro_npu_phonemizer** phonemizer, kokoro_npu_error** error) {
    if (phonemizer) *phonemizer = nullptr;
    return guarded(error, [&] {
        const auto c = read_struct(given(options, "options"), "options");
        *given(phonemizer, "phonemizer") = new kokoro_npu_phonemizer{phonemizer_of(c)};
    });
}

kokoro_npu_status kokoro_npu_phonemes(const kokoro_npu_phonemizer* phonemizer, const char* text, const char* language,
                                      char* phonemes, uint64_t size, uint64_t* needed, kokoro_npu_error** error) {
    if (needed) *needed = 0;
    return guarded(error, [&] {
        const auto& made = given(phonemizer, "phonemizer")->phonemize;
        *given(needed, "needed") = copied(made(given(text, "text"), given(language, "language")), phonemes, size);
    });
}

void kokoro_npu_close_phonemizer(kokoro_npu_phonemizer* phonemizer) { delete phonemizer; }

const char* kokoro_npu_error_fact(const kokoro_npu_error* error, kokoro_npu_fact fact) {
    return error && fact >= KOKORO_NPU_WHERE && fact <= KOKORO_NPU_TODO ? error->facts[fact].c_str() : "";
}

void kokoro_npu_error_free(kokoro_npu_error* error) { delete error; }
