// An English sentence taken apart: words in ASCII, and what stands between them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kokoro_npu {
namespace detail {

// A word, or what is spoken as it stands: marks, and letters of other scripts. `spaced`: a space follows.
struct EnglishPiece {
    std::string text;
    bool is_word = false, spaced = false;
};

// Accents are taken off letters; digits become words, one by one. Marks that Kokoro does not know are left out.
std::vector<EnglishPiece> english_pieces(std::string_view sentence);
// The parts between hyphens, slashes and underscores.
std::vector<std::string> split_at_marks(const std::string& word);
// The parts of a word such as YouTube.
std::vector<std::string> split_at_capitals(const std::string& word);

}  // namespace detail
}  // namespace kokoro_npu
