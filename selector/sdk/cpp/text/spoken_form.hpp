// The words that a reader says for a written text: export_onnx/text/spoken_form.py in C++, word for word.
//
//     3 km for $5.99, Dr. No!  ->  three kilometers for five dollars and ninety nine cents, Doctor No!
#pragma once

#include "lexicon.hpp"
#include "pattern.hpp"

namespace kokoro_npu::reading {

// Of a text without markup; given pronunciations, `[word](/phonemes/)`, stay as they are.
Text spoken_form(View text, std::string_view language, const Lexicon& lexicon);
// Numbers, money, times, units, abbreviations and signs of Spanish, French, Italian, Portuguese and Hindi; a text of
// any other language stays.
Text other_languages(View text, std::string_view language);

}  // namespace kokoro_npu::reading
