// Which class a word of an English sentence belongs to, by its neighbors: enough for words such as "read" and "record",
// whose sound hangs on it. Most words sound the same in every class.
#pragma once

#include <string>
#include <vector>

#include "phonemes/english_data.hpp"

namespace kokoro_npu {

// The class of word `at`. The words are in small letters; an empty one stands for a mark between words.
WordClass word_class(const std::vector<std::string>& words, std::size_t at);

// Whether a word in small letters is an article, a preposition or the like, or empty.
bool is_function_word(const std::string& word);

}  // namespace kokoro_npu
