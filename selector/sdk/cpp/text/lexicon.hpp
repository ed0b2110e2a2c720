// Words and how to say them, before every rule: a lexicon, in the form of export_onnx/text/lexicon.py.
//
//     Kokoro      /kˈOkəɹO/
//     SQL         sequel
//     "New York"  /nˌu jˈɔɹk/
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pattern.hpp"

namespace kokoro_npu::reading {

class Lexicon {
public:
    // The repository's own entries.
    Lexicon();
    // Those, and over them the entries of a file's text in UTF-8. `name` of the file is for errors. Throws Error(text)
    // where a line is no entry.
    explicit Lexicon(std::string_view file_text, const std::string& name = "lexicon");

    // Replaces the entries' words in a text that holds no given pronunciations.
    Text apply(View text) const;

private:
    std::map<Text, Text, std::less<>> entries_;
    std::shared_ptr<const Pattern> pattern_;
    void make_pattern();
};

// The form of a word and its phonemes, as one word without white space: `[Kokoro](/kˈOkəɹO/)`.
Text given_form(View word, View phonemes);
// The vocabulary's symbols of a pronunciation in the International Phonetic Alphabet.
Text from_ipa(View phonemes);
// Finds given pronunciations: group 1 is the word, 2 the phonemes.
const Pattern& given_pronunciation();

}  // namespace kokoro_npu::reading
