// A text as an app passes it -> phonemes: lexicon, spoken words, given pronunciations, then a language's own phonemizer,
// as `phonemize_plain` of export_onnx/run/text.py does.
#pragma once

#include <string>

#include "phonemes/phonemizer.hpp"
#include "text/lexicon.hpp"

namespace kokoro_npu {

// The phonemes of spoken words, in which `[word](/phonemes/)` gives a pronunciation; empty where nothing can be said.
std::string spoken_phonemes(const Phonemizer& words, const std::string& spoken, const std::string& language);

// A phonemizer of whole texts, whose markup was read, around one of words and marks.
Phonemizer whole_text_phonemizer(Phonemizer words, reading::Lexicon lexicon);

}  // namespace kokoro_npu
