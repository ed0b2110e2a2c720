#include "phonemes/word_classes.hpp"

#include <string_view>

namespace kokoro_npu {
namespace {

constexpr std::string_view determiners =
    " the a an this that these those my your his her its our their whose no some any each every another either neither "
    "such what which one two three four five six seven eight nine ten many few several both all ";
constexpr std::string_view before_verbs =
    " to will would can could may might must shall should do does did don't doesn't didn't can't cannot won't wouldn't "
    "couldn't shouldn't let let's i you we they who not never please i'll you'll we'll they'll he'll she'll it'll i'd you'd "
    "we'd they'd always often also just ";
constexpr std::string_view before_participles =
    " have has had having i've you've we've they've haven't hasn't hadn't is are was were be been being am isn't aren't "
    "wasn't weren't it's he's she's that's i'm you're we're they're get gets got ";
constexpr std::string_view prepositions =
    " of in on at by for with from into onto over under about after before between through during without against as than ";
constexpr std::string_view joining = " and or but nor so if when while because that which who whom then though although ";
constexpr std::string_view adverbs_before = " very so too more most quite rather less least as how really ";

bool among(std::string_view list, const std::string& word) {
    return !word.empty() && list.find(" " + word + " ") != std::string_view::npos;
}

bool ends_with(const std::string& word, std::string_view end) {
    return word.size() > end.size() && std::string_view(word).substr(word.size() - end.size()) == end;
}

}  // namespace

bool is_function_word(const std::string& word) {
    return word.empty() || among(determiners, word) || among(before_verbs, word) || among(before_participles, word) ||
           among(prepositions, word) || among(joining, word);
}

WordClass word_class(const std::vector<std::string>& words, std::size_t at) {
    const auto near = [&](std::size_t i) { return i < words.size() ? words[i] : std::string(); };
    const std::string word = words[at], before = at > 0 ? words[at - 1] : "", two_before = at > 1 ? words[at - 2] : "",
                      after = near(at + 1);
    if (word == "a") return after.empty() ? WordClass::noun : WordClass::determiner;
    if (word == "that")  // elsewhere it joins clauses: "She knows that"
        return before.empty() || after.empty() || before == "not" || before == "later" || among(prepositions, before)
                   ? WordClass::determiner
                   : WordClass::any;
    if (word == "in") return after.empty() ? WordClass::adverb : WordClass::any;
    if (among(before_participles, before)) return WordClass::participle;
    if (among(before_verbs, before) && !(before == "to" && among(before_participles, two_before) && ends_with(word, "s")))
        return WordClass::verb;
    if ((before == "he" || before == "she" || before == "it") && (ends_with(word, "s") || ends_with(word, "d")))
        return WordClass::verb;
    const bool in_noun_phrase = among(determiners, before) || among(prepositions, before) || among(adverbs_before, before);
    if (among(adverbs_before, before) && is_function_word(after)) return WordClass::adjective;
    if (in_noun_phrase && !is_function_word(after) && among(determiners, before)) return WordClass::adjective;
    if (in_noun_phrase) return WordClass::noun;
    if (!is_function_word(before) && is_function_word(after))
        return among(determiners, after) ? WordClass::verb : WordClass::noun;
    return WordClass::any;
}

}  // namespace kokoro_npu
