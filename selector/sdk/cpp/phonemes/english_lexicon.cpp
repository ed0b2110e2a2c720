#include "phonemes/english_lexicon.hpp"

#include <algorithm>
#include <string_view>

namespace kokoro_npu {
namespace {

using namespace detail;

bool ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char capital(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
std::string lower_of(std::string word) {
    std::transform(word.begin(), word.end(), word.begin(), small);
    return word;
}
std::string upper_of(std::string word) {
    std::transform(word.begin(), word.end(), word.begin(), capital);
    return word;
}
std::string capitalized(const std::string& word) {
    std::string out = lower_of(word);
    if (!out.empty()) out[0] = capital(out[0]);
    return out;
}
bool ends_with(const std::string& word, std::string_view end) {
    return word.size() >= end.size() && std::string_view(word).substr(word.size() - end.size()) == end;
}
std::string without_last(const std::string& word, std::size_t n) { return word.substr(0, word.size() - n); }

// In American English, t becomes a tap behind these.
bool taps(char32_t c) { return has(U"AIOWYiuæɑəɛɪɹʊʌ", c); }

// An initialism with dots, such as U.S. or e.g.
bool dotted(const std::string& word) {
    std::size_t run = 0, dots = 0;
    const std::size_t last = word.find_last_not_of('.');
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] == '.') {
            if (i > 0 && last != std::string::npos && i < last) ++dots;
            run = 0;
        } else if (!ascii_letter(word[i]) || ++run > 2) {
            return false;
        }
    }
    return dots > 0;
}

}  // namespace

// A word that the dictionary has in small letters is also found capitalized, and the other way round.
EnglishLexicon::Found EnglishLexicon::entry(EnglishData::Dictionary dictionary, const std::string& word) const {
    if (auto found = data_->find(dictionary, word)) return found;
    if (word.size() < 2) return std::nullopt;
    const std::string lower = lower_of(word), upper = capitalized(word);
    if (lower == upper) return std::nullopt;
    if (word == upper) return data_->find(dictionary, lower);
    if (word == lower) return data_->find(dictionary, upper);
    return std::nullopt;
}

bool EnglishLexicon::knows(const std::string& word) const {
    if (gold(word) || silver(word)) return true;
    if (word.empty() || !std::all_of(word.begin(), word.end(), ascii_letter)) return false;
    if (word.size() == 1 || (word == upper_of(word) && gold(lower_of(word)))) return true;
    return word.substr(1) == upper_of(word.substr(1));
}

std::optional<std::u32string> EnglishLexicon::spelled(const std::string& word) const {
    std::u32string names;
    for (const char c : word) {
        if (!ascii_letter(c)) continue;
        const Found letter = gold(std::string(1, capital(c)));
        if (!letter) return std::nullopt;
        names += *letter->of(WordClass::any);
    }
    if (names.empty()) return std::nullopt;
    names = has(names, main_stress) ? weakened(names) : at_least_side(names);
    const std::size_t last = names.rfind(side_stress);
    if (last != std::u32string::npos) names[last] = main_stress;  // the last letter is said the loudest
    return names;
}

std::optional<std::u32string> EnglishLexicon::look_up(std::string word, const WordPlace& place, Emphasis emphasis) const {
    bool name = false;
    if (word == upper_of(word) && !gold(word)) {
        word = lower_of(word);
        name = place.name;
    }
    Found found = gold(word);
    if (!found && !name) found = silver(word);
    std::u32string said;
    if (found) {
        const std::u32string* chosen = place.following == Following::pause ? found->of(WordClass::before_pause) : nullptr;
        if (!chosen) chosen = found->of(place.kind);
        const bool verb = place.kind == WordClass::past || place.kind == WordClass::participle;
        if (!chosen && verb) chosen = found->of(WordClass::verb);
        said = *(chosen ? chosen : found->of(WordClass::any));
    }
    if (said.empty() || (name && !has(said, main_stress)))
        if (auto letters = spelled(word)) return letters;
    if (said.empty()) return std::nullopt;
    return emphasized(said, emphasis);
}

// Words whose form hangs on what follows.
std::optional<std::u32string> EnglishLexicon::small_word(const std::string& word, const WordPlace& place) const {
    const auto is = [lower = lower_of(word)](std::string_view small_form) { return lower == small_form; };
    const bool pause = place.following == Following::pause, vowel = place.following == Following::vowel;
    if (dotted(word)) return spelled(word);
    if (word == "a" || word == "A") return place.kind == WordClass::determiner ? U"ɐ" : U"ˈA";
    if (word == "eigh") return U"ˈA";  // a letter's name, see letter_names.hpp
    if (word == "am" && !pause) return U"ɐm";
    if (is("an")) return U"ɐn";
    if (word == "I") return U"ˌI";
    if (is("to")) return pause ? look_up("to", {}, Emphasis::usual) : std::u32string(vowel ? U"tʊ" : U"tə");
    if (is("in")) return pause || place.kind == WordClass::adverb ? U"ˈɪn" : U"ɪn";
    if (is("the")) return vowel ? U"ði" : U"ðə";
    if (is("vs") || is("vs.")) return look_up("versus", {}, Emphasis::usual);
    if (is("used")) {
        WordPlace habit;
        habit.kind = place.to_follows ? WordClass::past : WordClass::any;
        habit.following = Following::consonant;
        return look_up("used", habit, Emphasis::usual);
    }
    return std::nullopt;
}

std::optional<std::string> EnglishLexicon::stem_of_s(const std::string& word) const {
    if (word.size() < 3 || word.back() != 's') return std::nullopt;
    if (!ends_with(word, "ss") && knows(without_last(word, 1))) return without_last(word, 1);
    const bool es = word.size() > 4 && ends_with(word, "es") && !ends_with(word, "ies");
    if ((ends_with(word, "'s") || es) && knows(without_last(word, 2))) return without_last(word, 2);
    if (word.size() > 4 && ends_with(word, "ies") && knows(without_last(word, 3) + "y")) return without_last(word, 3) + "y";
    return std::nullopt;
}

std::u32string EnglishLexicon::with_s(const std::u32string& stem) const {
    if (has(U"ptkfθ", stem.back())) return stem + U"s";
    if (has(U"szʃʒʧʤ", stem.back())) return stem + (british_ ? U"ɪz" : U"ᵻz");
    return stem + U"z";
}

std::optional<std::string> EnglishLexicon::stem_of_ed(const std::string& word) const {
    if (word.size() < 4 || word.back() != 'd') return std::nullopt;
    if (!ends_with(word, "dd") && knows(without_last(word, 1))) return without_last(word, 1);
    if (word.size() > 4 && ends_with(word, "ed") && !ends_with(word, "eed") && knows(without_last(word, 2)))
        return without_last(word, 2);
    return std::nullopt;
}

std::u32string EnglishLexicon::with_ed(const std::u32string& stem) const {
    if (has(U"pkfθʃsʧ", stem.back())) return stem + U"t";
    if (stem.back() == U'd') return stem + (british_ ? U"ɪd" : U"ᵻd");
    if (stem.back() != U't') return stem + U"d";
    if (british_ || stem.size() < 2) return stem + U"ɪd";
    return taps(stem[stem.size() - 2]) ? stem.substr(0, stem.size() - 1) + U"ɾᵻd" : stem + U"ᵻd";
}

std::optional<std::string> EnglishLexicon::stem_of_ing(const std::string& word) const {
    if (word.size() < 5 || !ends_with(word, "ing")) return std::nullopt;
    const std::string stem = without_last(word, 3);
    if (word.size() > 5 && knows(stem)) return stem;
    if (knows(stem + "e")) return stem + "e";
    const bool doubled = stem.size() > 2 && stem.back() == stem[stem.size() - 2] &&
                         std::string_view("bcdgklmnprstvxz").find(stem.back()) != std::string_view::npos;
    if (word.size() > 5 && (doubled || ends_with(stem, "ck")) && knows(without_last(stem, 1))) return without_last(stem, 1);
    return std::nullopt;
}

std::optional<std::u32string> EnglishLexicon::with_ing(const std::u32string& stem) const {
    if (british_ && (stem.back() == U'ə' || stem.back() == U'ː')) return std::nullopt;  // an r comes back
    if (!british_ && stem.size() > 1 && stem.back() == U't' && taps(stem[stem.size() - 2]))
        return stem.substr(0, stem.size() - 1) + U"ɾɪŋ";
    return stem + U"ɪŋ";
}

std::optional<std::u32string> EnglishLexicon::with_ending(const std::string& word, const WordPlace& place,
                                                          Emphasis emphasis) const {
    if (const auto stem = stem_of_s(word))
        if (const auto said = look_up(*stem, place, emphasis)) return with_s(*said);
    if (const auto stem = stem_of_ed(word)) {
        WordPlace verb = place;
        verb.kind = WordClass::verb;
        if (const auto said = look_up(*stem, verb, emphasis)) return with_ed(*said);
    }
    if (const auto stem = stem_of_ing(word)) {
        const Emphasis at_least = emphasis == Emphasis::usual ? Emphasis::capitalized : emphasis;
        if (const auto said = look_up(*stem, place, at_least)) return with_ing(*said);
    }
    return std::nullopt;
}

std::optional<std::u32string> EnglishLexicon::say(const std::string& given, const WordPlace& place) const {
    std::string word = given;
    const std::string lower = lower_of(word);
    const Emphasis emphasis = word == lower              ? Emphasis::usual
                              : word == upper_of(word) ? Emphasis::capitals
                                                       : Emphasis::capitalized;
    if (auto said = small_word(word, place)) return said;
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) { return ascii_letter(c) || c == '\''; });
    if (word.size() > 1 && plain && word != lower && !(place.name && word.size() <= 7) && !gold(word) && !silver(word) &&
        (word == upper_of(word) || word.substr(1) == lower.substr(1)) &&
        (gold(lower) || silver(lower) || with_ending(lower, place, emphasis)))
        word = lower;
    if (knows(word)) return look_up(word, place, emphasis);
    if (ends_with(word, "s'") && knows(without_last(word, 2) + "'s"))
        return look_up(without_last(word, 2) + "'s", place, emphasis);
    if (ends_with(word, "'") && knows(without_last(word, 1))) return look_up(without_last(word, 1), place, emphasis);
    return with_ending(word, place, emphasis);
}

}  // namespace kokoro_npu
