// Text as people type it -> the words that are spoken, in UTF-8: markup, then written forms, as in docs/text.md.
//
//     kokoro_npu::spoken("Dr. No paid $5.99.", "en-us")  ->  "Doctor No paid five dollars and ninety nine cents."
#pragma once

#include <string>
#include <string_view>

#include "lexicon.hpp"

namespace kokoro_npu {

// The spoken words, line by line. A pause stands as `[pause:1500ms]`, so that the result can be read again and says the
// same. A byte that is no UTF-8 is a space. Throws Error(text) where a tag cannot be obeyed, as read_markup does.
std::string spoken(std::string_view text, std::string_view language, const reading::Lexicon& lexicon = reading::Lexicon());

// The spoken words of a piece of text whose markup was read: one line, as a phonemizer gets it.
std::string spoken_words(std::string_view text, std::string_view language, const reading::Lexicon& lexicon = reading::Lexicon());

}  // namespace kokoro_npu
