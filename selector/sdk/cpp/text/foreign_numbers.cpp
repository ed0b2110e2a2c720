#include "foreign_numbers.hpp"

#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

constexpr std::uint64_t hundred = 100, thousand = 1000, million = 1000000;

bool ends_with(View text, View end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}
Text without_last(const Text& text) { return text.substr(0, text.size() - 1); }

// A language whose numbers are words side by side, without accents or endings that change: Spanish, and Portuguese but for
// where its "e" falls away.
struct PlainNumbers {
    const std::string_view* below_hundred;
    const std::string_view* hundreds;
    View hundred_and, thousand, million, millions, between;
};

Text plain_words(const PlainNumbers& language, std::uint64_t n) {
    if (n < hundred) return decoded(language.below_hundred[n]);
    const std::uint64_t size = n < thousand ? hundred : n < million ? thousand : million;
    const std::uint64_t count = n / size, rest = n % size;
    Text words;
    if (size == hundred) words = count == 1 && rest > 0 ? Text(language.hundred_and) : decoded(language.hundreds[count]);
    else if (count == 1) words = size == thousand ? language.thousand : language.million;
    else words = plain_words(language, count) + U" " + Text(size == thousand ? language.thousand : language.millions);
    return rest == 0 ? words : words + Text(language.between) + plain_words(language, rest);
}

Text spanish(std::uint64_t n) {
    return plain_words({cardinals_es, hundreds_es, U"ciento", U"mil", U"un millón", U"millones", U" "}, n);
}

Text french(std::uint64_t n) {
    if (n < hundred) return decoded(cardinals_fr[n]);
    const std::uint64_t size = n < thousand ? hundred : n < million ? thousand : million;
    const std::uint64_t count = n / size, rest = n % size;
    Text words = size == hundred ? decoded(hundreds_fr[count]) : french(count);
    // "Deux cents" and "quatre vingts" lose their s before other words, but not before "millions".
    const bool loses = size == hundred ? rest > 0 : size == thousand && (count % hundred == 80 || count % hundred == 0);
    if (loses && words.back() == U's') words = without_last(words);
    if (size == thousand) words = count == 1 ? U"mille" : words + U" mille";
    if (size == million) words += count == 1 ? U" million" : U" millions";
    return rest == 0 ? words : words + U" " + french(rest);
}

// The accent of "ventitré" stands at the end of a word only.
Text accented(const Text& text) {
    std::vector<Text> words;
    for (const View word : words_of(text)) {
        const Text plain = replaced(word, U"tré", U"tre");
        words.push_back(ends_with(word, U"tre") && word.size() > 3 ? without_last(plain) + U"é" : plain);
    }
    return joined(words, U" ");
}

Text italian(std::uint64_t n) {
    if (n < hundred) return decoded(cardinals_it[n]);
    const auto behind = [](std::uint64_t rest) { return rest == 0 ? Text{} : italian(rest); };
    if (n < thousand) {
        Text words = decoded(hundreds_it[n / hundred]) + behind(n % hundred);
        for (const auto& [two, one] : {std::pair{U"oo", U"o"}, {U"ao", U"o"}, {U"io", U"o"}, {U"au", U"u"}, {U"iu", U"u"}})
            words = replaced(words, two, one);
        return accented(words);
    }
    if (n < million) {
        const Text words = n / thousand == 1 ? U"mille" : italian(n / thousand) + U"mila";
        return accented(words + behind(n % thousand));
    }
    const Text words = n / million == 1 ? U"un milione" : italian(n / million) + U" milioni";
    return accented(n % million == 0 ? words : words + U" e " + italian(n % million));
}

// Between thousands and hundreds that "e" follows, there is none: "mil cento e catorze".
Text portuguese(std::uint64_t n) {
    static const std::pair<Text, Pattern> scales[] = {
        {U"mil", Pattern(R"(.*mil e \w*entos? (?=.*e))")},
        {U"milhão", Pattern(R"(.*milhão e \w*entos? (?=.*e))")},
        {U"milhões", Pattern(R"(.*milhões e \w*entos? (?=.*e))")},
    };
    Text words = plain_words({cardinals_pt_br, hundreds_pt_br, U"cento", U"mil", U"um milhão", U"milhões", U" e "}, n);
    for (const auto& [name, form] : scales)
        if (form.match(words)) words.erase(words.find(name + U" e") + name.size(), 2);
    return words;
}

Text spanish_place(std::uint64_t n) {
    const auto followed = [](const Text& words, std::uint64_t rest) {
        return rest == 0 ? words : words + U" " + spanish_place(rest);
    };
    if (n < 10) return decoded(places_es_1[n]);
    if (n == 11 || n == 12) return decoded(places_es_10[1]) + spanish_place(n - 10);
    if (n < hundred) return followed(decoded(places_es_10[n / 10]), n % 10);
    if (n < thousand) return followed(decoded(places_es_100[n / hundred]), n % hundred);
    const std::uint64_t size = n < million ? thousand : million;
    const std::uint64_t count = n / size;
    return followed((count == 1 ? U"" : spanish(count)) + (size == thousand ? U"milésimo" : U"millonésimo"), n % size);
}

Text french_place(std::uint64_t n) {
    if (n == 1) return U"premier";
    const Text words = french(n);
    if (ends_with(words, U"cinq")) return words + U"uième";
    if (ends_with(words, U"neuf")) return without_last(words) + U"vième";
    return (words.back() == U'e' ? without_last(words) : words) + U"ième";
}

Text italian_place(std::uint64_t n) {
    if (n < 20) return decoded(places_it[n]);
    const bool teens = n % hundred > 10 && n % hundred < 20;
    const Text words = italian(n);
    if (!teens && n % 10 == 3) return without_last(words) + U"eesimo";
    if (!teens && n % 10 == 6) return words + U"esimo";
    const Text stem = without_last(words);
    return stem + (ends_with(stem, U"mil") ? U"lesimo" : U"esimo");
}

Text portuguese_place(std::uint64_t n) {
    constexpr View groups[] = {U"", U"milésimo", U"milionésimo"};
    Text words;
    const auto before = [&](View more) {
        if (!more.empty()) words = Text(more) + (words.empty() ? U"" : U" ") + words;
    };
    std::uint64_t left = n;
    for (std::size_t group = 0; left > 0; ++group, left /= thousand) {
        if (left % thousand > 0) before(groups[group]);
        before(decoded(places_pt_br_1[left % 10]));
        before(decoded(places_pt_br_10[left / 10 % 10]));
        before(decoded(places_pt_br_100[left / hundred % 10]));
    }
    constexpr View first = U"primeiro ";
    return n != 1 && words.compare(0, first.size(), first) == 0 ? words.substr(first.size()) : words;
}

}  // namespace

Text foreign_cardinal(std::uint64_t number, Numbers language) {
    switch (language) {
        case Numbers::spanish: return spanish(number);
        case Numbers::french: return french(number);
        case Numbers::italian: return italian(number);
        default: return portuguese(number);
    }
}

Text foreign_ordinal(std::uint64_t number, Numbers language) {
    switch (language) {
        case Numbers::spanish: return spanish_place(number);
        case Numbers::french: return french_place(number);
        case Numbers::italian: return italian_place(number);
        default: return portuguese_place(number);
    }
}

}  // namespace kokoro_npu::reading
