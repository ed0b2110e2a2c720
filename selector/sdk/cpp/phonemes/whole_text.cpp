#include "phonemes/whole_text.hpp"

#include <algorithm>
#include <utility>

#include "phonemes/script_runs.hpp"
#include "text/spoken.hpp"

namespace kokoro_npu {
namespace {

// Phonemes of the words beside a given pronunciation, with the spaces that keep them apart.
std::string between(const Phonemizer& words, std::u32string_view text, const std::string& language) {
    if (text.empty()) return {};
    const std::string inner(detail::trimmed(detail::encoded(text)));
    const std::string before = detail::is_space(text.front()) ? " " : "";
    if (inner.empty()) return before;
    return before + words(inner, language) + (detail::is_space(text.back()) ? " " : "");
}

}  // namespace

std::string spoken_phonemes(const Phonemizer& words, const std::string& spoken, const std::string& language) {
    const std::u32string all = detail::decoded(spoken);
    std::string said;
    std::size_t from = 0;
    for (const reading::Match& given : reading::given_pronunciation().all(all)) {
        said += between(words, std::u32string_view(all).substr(from, given.start() - from), language);
        std::string phonemes = detail::encoded(given[2]);
        detail::replace_all(phonemes, "␣", " ");
        said += detail::trimmed(phonemes);
        from = given.end();
    }
    said += between(words, std::u32string_view(all).substr(from), language);
    const std::u32string symbols = detail::decoded(said);
    const bool any = std::any_of(symbols.begin(), symbols.end(),
                                 [](char32_t c) { return detail::is_letter(c) && !detail::is_unsaid(c); });
    return any ? std::string(detail::trimmed(said)) : std::string();
}

Phonemizer whole_text_phonemizer(Phonemizer words, reading::Lexicon lexicon) {
    return [words = std::move(words), lexicon = std::move(lexicon)](const std::string& text, const std::string& language) {
        return spoken_phonemes(words, spoken_words(text, language, lexicon), language);
    };
}

}  // namespace kokoro_npu
