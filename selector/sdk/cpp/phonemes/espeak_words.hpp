// Spoken words -> phonemes through espeak-ng, as Python's front ends say them where they use espeak
// (export_onnx/text/front_ends.py over misaki's): the same clauses, marks, symbols and scripts.
#pragma once

#include <memory>
#include <string>

#include "phonemes/espeak_library.hpp"
#include "phonemes/phonemizer.hpp"

namespace kokoro_npu {

// A phonemizer of words and marks, without lexicon or given pronunciations. Throws Error(text): the language is Japanese or
// Chinese, for which Kokoro has other symbols than espeak; or espeak has no voice for it, or lost words.
Phonemizer espeak_words(std::shared_ptr<EspeakLibrary> espeak);

}  // namespace kokoro_npu
