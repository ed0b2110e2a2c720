#include "phonemes/espeak_words.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "error.hpp"
#include "phonemes/letter_names.hpp"
#include "phonemes/script_runs.hpp"

namespace kokoro_npu {
namespace {

using Replacements = std::vector<std::pair<const char*, const char*>>;

// espeak's tied sounds as Kokoro's single symbols: order matters where one holds another.
const Replacements general = {{"a^ɪ", "I"}, {"a^ʊ", "W"}, {"d^z", "ʣ"}, {"d^ʒ", "ʤ"}, {"e^ɪ", "A"}, {"o^ʊ", "O"},
                              {"s^s", "S"}, {"t^s", "ʦ"}, {"t^ʃ", "ʧ"}, {"ə^ʊ", "Q"}, {"ɔ^ɪ", "Y"}, {"^", ""},
                              {"-", ""},    {"«", "("},   {"»", ")"}};
const Replacements english = {
    {"ʔˌn\u0329", "ʔn"}, {"ʔn\u0329", "ʔn"}, {"a^ɪ", "I"}, {"a^ʊ", "W"}, {"d^ʒ", "ʤ"}, {"e^ɪ", "A"}, {"t^ʃ", "ʧ"},
    {"ɔ^ɪ", "Y"},        {"ə^l", "ᵊl"},      {"ʲo", "jo"}, {"ʲə", "jə"}, {"e", "A"},   {"ʲ", ""},    {"ɚ", "əɹ"},
    {"r", "ɹ"},          {"x", "k"},         {"ç", "k"},   {"ɐ", "ə"},   {"ɬ", "l"},   {"\u0303", ""}};
const Replacements british = {{"e^ə", "ɛː"}, {"iə", "ɪə"}, {"ə^ʊ", "Q"}};
const Replacements american = {{"o^ʊ", "O"}, {"ɜːɹ", "ɜɹ"}, {"ɜː", "ɜɹ"}, {"ɪə", "iə"}, {"ː", ""}};
const Replacements english_last = {{"o", "ɔ"}, {"ɾ", "T"}, {"ʔ", "t"}, {"^", ""}};

constexpr char32_t syllabic = 0x329;
constexpr std::u32string_view marks = U";:,.!?¡¿—…\"«»“”(){}[]";

void replace(std::string& text, const Replacements& all) {
    for (const auto& [from, to] : all) detail::replace_all(text, from, to);
}

// Takes out what espeak writes in brackets where it changes its language, such as "(en)".
std::string without_flags(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t close = text[at] == '(' ? text.find(')', at + 2) : std::string::npos;
        if (close == std::string::npos) out += text[at++];
        else at = close + 1;
    }
    return out;
}

// One clause's phonemes, each word with a space behind it.
std::string clause_ipa(EspeakLibrary& espeak, const std::string& words, const std::string& language, bool flags) {
    std::string line(detail::trimmed(espeak.ipa(words, language)));
    std::replace(line.begin(), line.end(), '\n', ' ');
    detail::replace_all(line, "  ", " ");
    std::string single;
    for (const char c : line)
        if (c != '_' || single.empty() || single.back() != '_') single += c;
    detail::replace_all(single, "_ ", " ");
    if (!flags) single = without_flags(single);
    if (single.empty()) return {};
    detail::replace_all(single, "\u0361", "^");
    std::string out;
    for (std::size_t at = 0; at <= single.size();) {
        const std::size_t end = std::min(single.find(' ', at), single.size());
        out += std::string(detail::trimmed(std::string_view(single).substr(at, end - at))) + ' ';
        at = end + 1;
    }
    return out;
}

// A text's phonemes with its punctuation kept: espeak gets what stands between the marks.
std::string with_marks(EspeakLibrary& espeak, const std::string& text, const std::string& language, bool flags) {
    const std::u32string all = detail::decoded(text);
    const auto mark = [](char32_t c) { return marks.find(c) != std::u32string_view::npos; };
    std::string out;
    for (std::size_t at = 0; at < all.size();) {
        std::size_t end = at;
        bool marked = false;
        for (; end < all.size() && (mark(all[end]) || detail::is_space(all[end])); ++end) marked = marked || mark(all[end]);
        if (marked) {
            if (!out.empty() && out.back() == ' ') out.pop_back();
            out += detail::encoded(std::u32string_view(all).substr(at, end - at));
            at = end;
            continue;
        }
        const std::size_t from = at;
        for (at = end; at < all.size() && !mark(all[at]); ++at) {
        }
        while (at < all.size() && detail::is_space(all[at - 1])) --at;  // these belong to the mark
        out += clause_ipa(espeak, detail::encoded(std::u32string_view(all).substr(from, at - from)), language, flags);
    }
    return std::string(detail::trimmed(out));
}

bool british_english(const std::string& language) { return language == "en-gb"; }
bool is_english(const std::string& language) { return language == "en-us" || british_english(language); }

std::string english_phonemes(EspeakLibrary& espeak, const std::string& text, const std::string& language) {
    std::string out = with_marks(espeak, detail::named_letters(text), language, true);
    replace(out, english);
    std::u32string all;  // a syllabic consonant gets a short vowel before it
    for (const char32_t c : detail::decoded(out)) {
        if (c != syllabic) all += c;
        else if (!all.empty() && !detail::is_space(all.back())) all.insert(all.end() - 1, U'ᵊ');
    }
    out = detail::encoded(all);
    replace(out, british_english(language) ? british : american);
    replace(out, english_last);
    return out;
}

std::string general_phonemes(EspeakLibrary& espeak, std::string text, const std::string& language) {
    replace(text, {{"«", "“"}, {"»", "”"}, {"(", "«"}, {")", "»"}});
    std::string out = with_marks(espeak, text, language, false);
    replace(out, general);
    std::string without_tones;
    for (const char32_t c : detail::decoded(out))
        if (!reading::is_digit(c)) detail::append_utf8(without_tones, c);
    return without_tones;
}

// Parts that are short enough for espeak, which in other languages loses the end of a long clause.
std::vector<std::string> clauses(const std::string& words, const std::string& language) {
    constexpr std::size_t most = 60;
    const std::string base = language.substr(0, language.find('-'));
    if (std::string(" en es fr hi it pt ru ").find(" " + base + " ") != std::string::npos) return {words};
    std::vector<std::string> parts = {""};
    for (const std::string& word : detail::split_words(words)) {
        const std::size_t length = detail::decoded(parts.back()).size() + detail::decoded(word).size();
        if (length > most && !parts.back().empty()) parts.emplace_back();
        parts.back() += (parts.back().empty() ? "" : " ") + word;
    }
    return parts;
}

// Throws Error(text) where espeak lost words: no language has more than five letters per phoneme.
std::string said(EspeakLibrary& espeak, const std::string& words, const std::string& language) {
    constexpr std::ptrdiff_t least = 5, sure = 40;
    if (!has_letters(words)) return std::string(detail::trimmed(words));
    std::string out;
    for (const std::string& part : clauses(words, language)) {
        const std::string phonemes = is_english(language) ? english_phonemes(espeak, part, language)
                                                          : general_phonemes(espeak, part, language);
        out += (out.empty() ? "" : " ") + std::string(detail::trimmed(phonemes));
    }
    const auto letters_of = [](const std::string& text) {
        const std::u32string all = detail::decoded(text);
        return std::count_if(all.begin(), all.end(), detail::is_letter);
    };
    const std::ptrdiff_t letters = letters_of(words), given = letters_of(out);
    if (given == 0 || (letters >= sure && given * least < letters))
        throw Error(Fault::text, "text '" + words.substr(0, 40) + "'",
                    "phonemes of all its " + std::to_string(letters) + " letters", std::to_string(given) + " phonemes",
                    "Spell it as words of the language.");
    return out;
}

// Parts of several scripts with one space between, but none before punctuation.
std::string joined(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts)
        if (!part.empty()) all += (all.empty() ? "" : " ") + part;
    constexpr std::u32string_view closing = U",.;:!?)…";
    const std::u32string text = detail::decoded(detail::single_spaced(all));
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool space = text[i] == U' ';
        const bool before_mark = i + 1 < text.size() && closing.find(text[i + 1]) != std::u32string_view::npos;
        const bool behind_open = i > 0 && (text[i - 1] == U'(' || text[i - 1] == U'“');
        if (!(space && (before_mark || behind_open))) detail::append_utf8(out, text[i]);
    }
    return out;
}

}  // namespace

Phonemizer espeak_words(std::shared_ptr<EspeakLibrary> espeak) {
    return [espeak = std::move(espeak)](const std::string& text, const std::string& language) {
        if (language == "ja" || language == "zh" || !espeak->knows(language))
            throw Error(Fault::text, "language", "one that espeak-ng says with Kokoro's symbols, such as en-us, fr-fr or hi",
                        "'" + language + "'", "Pass a phonemizer for it, or another language.");
        std::vector<std::string> parts;
        for (const detail::ScriptRun& run : detail::script_runs(text, language))
            parts.push_back(run.said ? said(*espeak, run.text, run.language) : run.text);
        return parts.size() == 1 ? detail::single_spaced(parts[0]) : joined(parts);
    };
}

}  // namespace kokoro_npu
