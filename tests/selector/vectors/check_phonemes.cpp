// Answers each line of standard input: a language, a tab, and words; an error is "!" and its message.
//
//   check_phonemes espeak LIBRARY DATA     the phonemes of spoken words
//   check_phonemes english FOLDER          likewise, without espeak
//   check_phonemes letters FILE            how the model of an accent's file says a word
#include <iostream>
#include <thread>

#include "error.hpp"
#include "phonemes/characters_of_words.hpp"
#include "phonemes/english_data.hpp"
#include "phonemes/english_words.hpp"
#include "phonemes/espeak_words.hpp"
#include "phonemes/letter_model.hpp"
#include "phonemes/whole_text.hpp"

using namespace kokoro_npu;

// espeak-ng keeps things until the process ends, when nobody can tell any more whose they are; so with it, leaks do not
// count.
static bool with_espeak = false;
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return with_espeak ? 1 : 0; }

static Phonemizer answer_of(int count, char** arguments) {
    const std::string kind = count > 2 ? arguments[1] : "";
    with_espeak = kind == "espeak";
    if (kind == "espeak" && count == 4)
        return [words = espeak_words(EspeakLibrary::open({arguments[2], arguments[3]}))](
                   const std::string& text, const std::string& language) { return spoken_phonemes(words, text, language); };
    if (kind == "english")
        return [words = english_words(arguments[2])](const std::string& text, const std::string& language) {
            return spoken_phonemes(words, text, language);
        };
    if (kind == "letters")
        return [model = LetterModel(std::make_shared<const EnglishData>(arguments[2]))](
                   const std::string& text, const std::string&) { return detail::encoded(model.say(text)); };
    throw Error(Fault::internal, "check_phonemes", "what the head of this file says", kind, "Read it.");
}

static std::string line_of(const Phonemizer& answer, const std::string& line) {
    const std::size_t tab = line.find('\t');
    try {
        return answer(line.substr(tab + 1), line.substr(0, tab));
    } catch (const Error& error) {
        return std::string("! ") + error.what();
    }
}

int main(int count, char** arguments) {
    try {
        const Phonemizer answer = answer_of(count, arguments);
        std::vector<std::string> lines, answers, others;
        for (std::string line; std::getline(std::cin, line);) lines.push_back(line);
        const auto all = [&](std::vector<std::string>& out) {
            for (const std::string& line : lines) out.push_back(line_of(answer, line));
        };
        std::thread other(all, std::ref(others));  // several threads may say something at once
        all(answers);
        other.join();
        for (const std::string& one : answers) std::cout << one << '\n';
        if (answers != others) throw Error(Fault::internal, "threads", "the same answers", "others", "Report this.");
    } catch (const Error& error) {
        std::cout << "! " << error.what() << '\n';
        return 3;
    }
}
