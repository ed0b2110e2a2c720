// How an unknown English word sounds: the likeliest units of letters and sounds, by the n-gram model of an accent's file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "phonemes/english_data.hpp"

namespace kokoro_npu {

class LetterModel {
public:
    explicit LetterModel(std::shared_ptr<const EnglishData> data);

    // Phonemes of a word in small letters a to z; other characters are silent. Empty for an empty word.
    std::u32string say(const std::string& word) const;

private:
    std::shared_ptr<const EnglishData> data_;
    std::vector<std::vector<std::uint16_t>> of_letter_;  // the units of each letter
};

}  // namespace kokoro_npu
