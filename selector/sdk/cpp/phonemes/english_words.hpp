// Spoken English words -> phonemes without espeak and its license: misaki's dictionaries, rules, and a model for the rest.
#pragma once

#include <string>

#include "phonemes/phonemizer.hpp"

namespace kokoro_npu {

// A phonemizer of words and marks, without lexicon or given pronunciations. `folder` holds en-us.bin, en-gb.bin or both, as
// `python -m selector english` makes them. Letters of other scripts stay as they are; digits are read one by one.
// Throws Error(package): the folder has neither file, or another one; later Error(text) for a language without a file.
Phonemizer english_words(const std::string& folder);

}  // namespace kokoro_npu
