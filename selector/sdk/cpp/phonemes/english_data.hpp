// The file of one English accent that `python -m selector english` writes: two dictionaries, and a model of unknown words.
// selector/english/accent_file.py describes the form. Little-endian, mapped, and checked before it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mapped_file.hpp"

namespace kokoro_npu {

// What decides between pronunciations of a word; `before_pause` is not a class of words: nothing follows.
enum class WordClass : std::uint8_t {
    any,
    noun,
    verb,
    adjective,
    adverb,
    before_pause,
    past,
    participle,
    present,
    determiner
};

// The pronunciations of an entry. An empty one stands for a word that is spelled.
struct Pronunciations {
    std::vector<std::pair<WordClass, std::u32string>> all;  // WordClass::any is among them

    const std::u32string* of(WordClass wanted) const;  // nullptr: none of its own
};

// A letter of a word and the sounds that it stands for.
struct LetterUnit {
    char letter;
    std::u32string sounds;
};

class EnglishData {
public:
    // Throws Error(package): the file cannot be read, or is none of this version.
    explicit EnglishData(const std::string& path);

    enum class Dictionary { gold, silver };  // proofread by people, and not

    // The pronunciations of a word in exactly this spelling.
    std::optional<Pronunciations> find(Dictionary dictionary, std::string_view word) const;

    // The model: units by their number, from 1 on; 0 is the edge of a word.
    const std::vector<LetterUnit>& units() const { return units_; }
    // The cost of a unit behind others, of which at most order - 1 count: -16 ln(chance).
    std::uint32_t cost(const std::vector<std::uint16_t>& before, std::uint16_t unit) const;
    std::size_t order() const { return levels_.size(); }

private:
    struct Level {  // n-grams of one length, sorted: their last units, costs, costs of falling back, first children
        std::string_view units, costs, fallbacks, children;
        std::size_t size = 0;
    };
    struct Words {
        std::string_view blocks, starts;
    };

    std::shared_ptr<MappedFile> file_;
    std::string path_;
    std::u32string symbols_;
    Words gold_, silver_;
    std::vector<LetterUnit> units_;
    std::vector<Level> levels_;

    [[noreturn]] void broken(const std::string& got) const;
    std::u32string symbols_of(std::string_view bytes) const;
    Pronunciations pronunciations_of(std::string_view value) const;
    std::size_t child(std::size_t level, std::size_t from, std::size_t to, std::uint16_t unit) const;
};

}  // namespace kokoro_npu
