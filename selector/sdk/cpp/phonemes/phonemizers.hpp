// The phonemizers that this project brings. Both may be called from several threads at once.
#pragma once

#include <string>
#include <utility>

#include "phonemes/english_words.hpp"
#include "phonemes/espeak_words.hpp"
#include "phonemes/whole_text.hpp"

namespace kokoro_npu {

// English by dictionaries and a model, under the Apache License: english_words.hpp says what the folder holds.
inline Phonemizer english_phonemizer(const std::string& folder, reading::Lexicon lexicon = {}) {
    return whole_text_phonemizer(english_words(folder), std::move(lexicon));
}

// Every language that espeak-ng has a voice for, but Japanese and Chinese. espeak-ng's license is the GPL, version 3.
inline Phonemizer espeak_phonemizer(const EspeakPaths& paths, reading::Lexicon lexicon = {}) {
    return whole_text_phonemizer(espeak_words(EspeakLibrary::open(paths)), std::move(lexicon));
}

}  // namespace kokoro_npu
