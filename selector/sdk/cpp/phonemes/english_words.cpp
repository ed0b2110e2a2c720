#include "phonemes/english_words.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "error.hpp"
#include "phonemes/english_lexicon.hpp"
#include "phonemes/english_pieces.hpp"
#include "phonemes/letter_model.hpp"
#include "phonemes/letter_names.hpp"
#include "phonemes/word_classes.hpp"

namespace kokoro_npu {
namespace {

using namespace detail;

constexpr std::size_t longest_word = 40;  // letters, as LONGEST_WORD of export_onnx/text/spoken_form.py

struct Accent {
    EnglishLexicon lexicon;
    LetterModel model;

    Accent(const std::shared_ptr<const EnglishData>& data, bool british) : lexicon(data, british), model(data) {}

    std::u32string word(const std::string& text, const WordPlace& place) const;
    std::u32string parts(const std::vector<std::string>& words, const WordPlace& place) const;
    std::u32string unknown(const std::string& word) const;
    std::string sentence(const std::string& text) const;
};

// What a word begins with for the word before it; a sound of neither kind changes nothing.
Following following(const std::u32string& phonemes, Following before) {
    for (const char32_t c : phonemes) {
        if (has(U";:,.!?—…", c)) return Following::pause;
        if (has(english_vowels, c)) return Following::vowel;
        if (has(english_consonants, c)) return Following::consonant;
    }
    return before;
}

std::size_t weight(const std::u32string& phonemes) {
    std::size_t sum = phonemes.size();
    for (const char32_t c : phonemes) sum += has(U"AIOQWYʤʧ", c) ? 1 : 0;
    return sum;
}

// The parts of a compound: at most half of them, rounded up, keep a main stress, and those are the heaviest.
std::u32string compound(std::vector<std::u32string> said, const std::vector<std::string>& words) {
    struct Part {
        bool stressed;
        std::size_t weight, at;
    };
    std::vector<Part> parts;
    for (std::size_t i = 0; i < said.size(); ++i)
        if (!said[i].empty()) parts.push_back({has(said[i], main_stress), weight(said[i]), i});
    const auto stressed = static_cast<std::size_t>(
        std::count_if(parts.begin(), parts.end(), [](const Part& part) { return part.stressed; }));
    const auto weaker = [&](std::size_t i) {
        if (has(said[i], main_stress)) said[i] = weakened(said[i]);
    };
    if (parts.size() == 2 && words[parts[0].at].size() == 1) {
        weaker(parts[1].at);
    } else if (parts.size() > 1 && stressed > (parts.size() + 1) / 2) {
        std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
            return std::tie(a.stressed, a.weight, a.at) < std::tie(b.stressed, b.weight, b.at);
        });
        for (std::size_t i = 0; i < parts.size() / 2; ++i) weaker(parts[i].at);
    }
    std::u32string out;
    for (const std::u32string& one : said) out += one;
    return out;
}

std::u32string Accent::unknown(const std::string& word) const {
    const std::size_t apostrophe = word.rfind('\'');
    if (apostrophe != std::string::npos && apostrophe > 0) {  // a name with 's, 'll or the like
        const std::string ending = word.substr(apostrophe);
        std::u32string stem = unknown(word.substr(0, apostrophe));
        if (ending == "'" || stem.empty()) return stem;
        if (ending == "'s") return lexicon.with_s(stem);
        return stem + lexicon.say(ending, {}).value_or(model.say(ending));
    }
    std::string letters;
    for (const char c : word) letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    std::u32string said;  // in pieces that the model says quickly: no word is longer
    for (std::size_t at = 0; at < letters.size(); at += longest_word)
        said += (at > 0 ? U" " : U"") + model.say(letters.substr(at, longest_word));
    return said;
}

std::u32string Accent::parts(const std::vector<std::string>& words, const WordPlace& place) const {
    std::vector<std::u32string> said(words.size());
    WordPlace here = place;
    for (std::size_t i = words.size(); i-- > 0;) {
        said[i] = word(words[i], here);
        here = WordPlace{};
        here.following = following(said[i], place.following);
    }
    return compound(std::move(said), words);
}

std::u32string Accent::word(const std::string& text, const WordPlace& place) const {
    if (auto said = lexicon.say(text, place)) return *said;
    if (text.size() > 1 && text[0] == '\'') return word(text.substr(1), place);
    for (const auto& split : {split_at_marks(text), split_at_capitals(text)})
        if (split.size() > 1) return parts(split, place);
    if (text.size() > 1 && text.back() == '.') return word(text.substr(0, text.size() - 1), place);
    return unknown(text);
}

std::string Accent::sentence(const std::string& text) const {
    const std::vector<EnglishPiece> pieces = english_pieces(named_letters(text));
    std::vector<std::string> words;  // in small letters; empty for a mark, but for those that open
    std::vector<std::size_t> places(pieces.size());
    bool any_small = false;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const EnglishPiece& piece = pieces[i];
        places[i] = words.size();
        if (piece.is_word || (piece.text != "“" && piece.text != "("))
            words.push_back(piece.is_word ? encoded(lowered(detail::decoded(piece.text))) : std::string());
        any_small = any_small || (piece.is_word && piece.text.size() > 1 && piece.text[1] >= 'a' && piece.text[1] <= 'z');
    }
    std::vector<std::u32string> said(pieces.size());
    WordPlace place;
    for (std::size_t i = pieces.size(); i-- > 0;) {
        const EnglishPiece& piece = pieces[i];
        place.to_follows = places[i] + 1 < words.size() && words[places[i] + 1] == "to";
        if (piece.is_word) {
            const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
            place.kind = word_class(words, places[i]);
            place.name = any_small && std::all_of(piece.text.begin(), piece.text.end(), capital) &&
                         !is_function_word(words[places[i]]);
            said[i] = word(piece.text, place);
        } else {
            said[i] = detail::decoded(piece.text);
        }
        place.following = following(said[i], place.following);
    }
    std::string out;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        for (char32_t c : said[i]) append_utf8(out, c == U'ɾ' ? U'T' : c == U'ʔ' ? U't' : c);  // as Kokoro was trained
        if (pieces[i].spaced) out += ' ';
    }
    return single_spaced(out);
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

}  // namespace

Phonemizer english_words(const std::string& folder) {
    auto accents = std::make_shared<std::map<std::string, Accent>>();
    for (const char* language : {"en-us", "en-gb"}) {
        const std::string file = folder + "/" + language + ".bin";
        if (exists(file))
            accents->emplace(std::piecewise_construct, std::forward_as_tuple(language),
                             std::forward_as_tuple(std::make_shared<const EnglishData>(file),
                                                   std::string(language) == "en-gb"));
    }
    if (accents->empty())
        throw Error(Fault::package, folder, "en-us.bin or en-gb.bin", "neither",
                    "Make them with `python -m selector english`.");
    return [accents](const std::string& text, const std::string& language) {
        const auto accent = accents->find(language);
        if (accent == accents->end())
            throw Error(Fault::text, "language", "English with its file, en-us or en-gb", "'" + language + "'",
                        "Pass a phonemizer for it, such as one on espeak-ng.");
        return accent->second.sentence(text);
    };
}

}  // namespace kokoro_npu
