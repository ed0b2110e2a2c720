// A word of an English sentence -> phonemes, by misaki's dictionaries and its rules for endings, capitals and small words.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "phonemes/english_data.hpp"
#include "phonemes/english_stress.hpp"

namespace kokoro_npu {

// What the phonemes behind a word begin with; a pause is a mark or the end.
enum class Following { pause, consonant, vowel };

// What a sentence says about one of its words.
struct WordPlace {
    WordClass kind = WordClass::any;
    bool name = false;  // a word in capitals among small ones: an initialism where it has no stressed pronunciation
    bool to_follows = false;
    Following following = Following::pause;
};

class EnglishLexicon {
public:
    EnglishLexicon(std::shared_ptr<const EnglishData> data, bool british) : data_(std::move(data)), british_(british) {}

    // Phonemes of a word in ASCII, with its apostrophes, hyphens and dots; nothing where no rule knows it.
    std::optional<std::u32string> say(const std::string& word, const WordPlace& place) const;
    // The names of a word's letters; nothing where it has no letters.
    std::optional<std::u32string> spelled(const std::string& word) const;
    // A stem with the ending -s: s, z or ɪz.
    std::u32string with_s(const std::u32string& stem) const;

private:
    std::shared_ptr<const EnglishData> data_;
    bool british_;

    using Found = std::optional<Pronunciations>;
    Found entry(EnglishData::Dictionary dictionary, const std::string& word) const;
    Found gold(const std::string& word) const { return entry(EnglishData::Dictionary::gold, word); }
    Found silver(const std::string& word) const { return entry(EnglishData::Dictionary::silver, word); }
    bool knows(const std::string& word) const;
    std::optional<std::u32string> small_word(const std::string& word, const WordPlace& place) const;
    std::optional<std::u32string> look_up(std::string word, const WordPlace& place, detail::Emphasis emphasis) const;
    std::optional<std::u32string> with_ending(const std::string& word, const WordPlace& place,
                                              detail::Emphasis emphasis) const;
    std::optional<std::string> stem_of_s(const std::string& word) const;
    std::optional<std::string> stem_of_ed(const std::string& word) const;
    std::optional<std::string> stem_of_ing(const std::string& word) const;
    std::u32string with_ed(const std::u32string& stem) const;
    std::optional<std::u32string> with_ing(const std::u32string& stem) const;
};

}  // namespace kokoro_npu
