// Numbers, money, times, units, abbreviations and signs of Spanish, French, Italian, Portuguese and Hindi, with the
// wordings and patterns of export_onnx/text/wordings.py and other_languages.py.
#include <map>
#include <utility>

#include "english_numbers.hpp"
#include "foreign_numbers.hpp"
#include "spacing.hpp"
#include "spoken_form.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

using Names = std::map<Text, std::pair<Text, Text>, std::less<>>;  // sign or symbol -> one, many

template <std::size_t N>
Names names_of(const Currency (&rows)[N]) {
    Names names;
    for (const Currency& row : rows) names[decoded(row.sign)] = {decoded(row.one), decoded(row.many)};
    return names;
}

class Language {
public:
    template <std::size_t A, std::size_t B, std::size_t C, std::size_t D, std::size_t E, std::size_t F, std::size_t G>
    Language(Numbers numbers, const Pair (&texts)[A], const Currency (&currencies)[B], const Currency (&units)[C],
             const Pair (&abbreviations)[D], const Pair (&ordinals)[E], const Pair (&first)[F], const Pair (&forms)[G])
        : numbers_(numbers), texts_(texts), abbreviations_(abbreviations), ordinals_(ordinals), first_(first),
          currencies_(names_of(currencies)), units_(names_of(units)), group_(encoded(texts_.at(U"group"))) {
        for (const Pair& form : forms) forms_.emplace_back(form.key, Pattern(form.value));
    }

    Text operator()(View text) const {
        Text out(text);
        for (const auto& [name, form] : forms_)
            out = form.sub(out, [&, rule = std::string_view(name)](const Match& m) { return words(rule, m); });
        return numbers_ == Numbers::spanish ? counted(out) : out;
    }

private:
    Numbers numbers_;
    WordTable texts_, abbreviations_, ordinals_, first_;
    Names currencies_, units_;
    Pattern group_;
    std::vector<std::pair<std::string, Pattern>> forms_;

    Text text(View name) const { return Text(texts_.at(name)); }
    Text apart(View name) const { return U" " + text(name) + U" "; }
    Text minus(const Match& m) const { return m.has("minus") ? text(U"minus") + U" " : Text{}; }

    Text words(std::string_view rule, const Match& m) const {
        if (rule == "url") return address(m[0]);
        if (rule == "abbreviation") return abbreviation(m);
        if (rule == "ordinal") return place(m);
        if (rule == "date") return plain(m[1]) + U" " + plain(m[3]) + U" " + Text(m[4]);
        if (rule == "dotted") return replaced(m[0], U".", apart(U"dot"));
        if (rule == "decimal_point") return Text(m[1]) + text(U"decimal") + Text(m[2]);
        if (rule == "fraction") return fraction(m);
        if (rule == "clock") return clock(m);
        if (rule == "range") return said(m[1]) + apart(U"to");
        if (rule == "money_before" || rule == "money_behind") return money_words(m);
        if (rule == "percent") return minus(m) + said(m["amount"]) + U" " + text(U"percent");
        if (rule == "unit") return unit(m);
        if (rule == "minus") return text(U"minus") + U" ";
        if (rule == "number") return said(m[0]);
        if (rule == "plus") return apart(U"plus");
        if (rule == "equals") return apart(U"equals");
        if (rule == "and") return apart(U"conjunction");
        if (rule == "at") return apart(U"at");
        if (rule == "percent_sign") return apart(U"percent");
        if (rule == "currency_sign") return U" " + currencies_.find(m[0])->second.first + U" ";
        return U" ";  // "apart" and "silent"
    }

    static Text plain(View digits) { return decoded(std::to_string(value_of(digits))); }

    // Digits one by one where the number is long or begins with zero.
    Text whole_number(View digits) const {
        constexpr std::size_t most = 9;  // digits: a longer number is a code; espeak itself stops there
        if (digits.size() > most || (digits.size() > 1 && digits[0] == U'0' && is_digit(digits[1]))) return one_by_one(digits);
        if (numbers_ == Numbers::none) return Text(digits);
        const std::uint64_t number = value_of(digits);
        if (numbers_ != Numbers::italian || number == 0) return foreign_cardinal(number, numbers_);
        std::vector<Text> parts;  // Italian writes a number as one word, which espeak stresses once
        for (const std::uint64_t part : {number / 1000 * 1000, number % 1000 / 100 * 100, number % 100})
            if (part > 0) parts.push_back(foreign_cardinal(part, numbers_));
        return joined(parts, U" ");
    }

    Text one_by_one(View digits) const {
        std::vector<Text> parts;
        for (const char32_t c : digits) parts.push_back(whole_number(View(&c, 1)));
        return joined(parts, U" ");
    }

    // Two decimals without a zero are said as a number, others digit by digit: "tres coma catorce".
    Text decimals_words(View digits) const {
        const bool pair = digits.size() == 2 && digits[0] != U'0' && numbers_ != Numbers::none;
        return pair ? whole_number(digits) : one_by_one(digits);
    }

    std::pair<Text, std::optional<Text>> parted(View written) const {
        const Text figures = group_.sub(written, U"");
        const std::size_t mark = figures.find(texts_.at(U"decimal"));
        if (mark == Text::npos) return {figures, std::nullopt};
        return {figures.substr(0, mark), figures.substr(mark + 1)};
    }

    Text said(View written) const {
        const auto [whole, decimals] = parted(written);
        return whole_number(whole) + (decimals ? apart(U"point") + decimals_words(*decimals) : Text{});
    }

    // "de" between a million and what is counted.
    Text of_millions(View words) const {
        static const Pattern millions = pattern(other_languages_millions);
        return millions.search(words) ? text(U"of") + U" " : Text{};
    }

    Text money_words(const Match& m) const {
        const auto& name = currencies_.find(m["sign"])->second;
        const auto [whole, cents] = parted(m["amount"]);
        const Text count = whole_number(whole), many = whole == U"1" ? name.first : name.second;
        const bool some = cents && cents->find_first_not_of(U'0') != Text::npos;
        if (some && cents->size() == 2)
            return minus(m) + count + U" " + many + apart(U"conjunction") + whole_number(plain(*cents));
        return minus(m) + (cents && !some ? count : said(m["amount"])) + U" " + of_millions(count) + many;
    }

    Text unit(const Match& m) const {
        const auto& name = units_.find(replaced(m["unit"], U" ", U""))->second;
        const Text count = said(m["amount"]);
        return minus(m) + count + U" " + of_millions(count) + (m["amount"] == U"1" ? name.first : name.second);
    }

    Text fraction(const Match& m) const {
        return m[0] == U"1/2" ? text(U"half") : whole_number(m[1]) + apart(U"over") + whole_number(m[2]);
    }

    Text clock(const Match& m) const {
        const bool minutes = value_of(m[2]) > 0;
        if (numbers_ == Numbers::none)
            return plain(m[1]) + (minutes ? apart(U"hours") + plain(m[2]) + U" मिनट" : U" बजे");
        Text out = whole_number(plain(m[1]));
        if (numbers_ == Numbers::french) out += U" " + (value_of(m[1]) == 1 ? U"heure" : text(U"hours"));
        if (!minutes) return out;
        return out + (numbers_ == Numbers::french ? U" " : apart(U"conjunction")) + whole_number(plain(m[2]));
    }

    Text place(const Match& m) const {
        static const Pattern ending(R"(o\b)");
        const View gender = ordinals_.at(m[2]);
        if (m[1] == U"1") return Text(first_.at(gender));
        const Text words = foreign_ordinal(value_of(m[1]), numbers_);
        return gender == U"f" && numbers_ != Numbers::french ? ending.sub(words, U"a") : words;
    }

    Text address(View written) const {
        static const Pattern scheme("^https?://");
        Text out = scheme.sub(written, U"");
        for (const auto& [sign, name] : {std::pair{U"@", U"at"}, {U".", U"dot"}, {U"/", U"slash"}})
            out = replaced(out, sign, apart(name));
        return Text(stripped(out));
    }

    Text abbreviation(const Match& m) const {
        const bool ends = m[1].back() == U'.' && stripped(m.rest()).empty();
        return Text(abbreviations_.at(m[1])) + (ends ? U"." : U"");
    }

    // Spanish counts "veintiún años" and "veintiuna casas".
    static Text counted(View text) {
        static const Pattern one = pattern(other_languages_apocope), feminine("as?$");
        return one.sub(text, [](const Match& m) -> Text {
            if (feminine.search(m[2])) return Text(m[1]) + U"una ";
            return Text(m[1]) + (m[1] == U"veinti" ? U"ún " : U"un ");
        });
    }
};

}  // namespace

#define KOKORO_NPU_LANGUAGE(numbers, name)                                                                            \
    Language(numbers, name##_texts, name##_currencies, name##_units, name##_abbreviations, name##_ordinals, name##_first, \
             name##_forms)

Text other_languages(View text, std::string_view language) {
    static const std::map<std::string, Language, std::less<>> languages = [] {
        std::map<std::string, Language, std::less<>> all;
        all.emplace("es", KOKORO_NPU_LANGUAGE(Numbers::spanish, es));
        all.emplace("fr-fr", KOKORO_NPU_LANGUAGE(Numbers::french, fr_fr));
        all.emplace("it", KOKORO_NPU_LANGUAGE(Numbers::italian, it));
        all.emplace("pt-br", KOKORO_NPU_LANGUAGE(Numbers::portuguese, pt_br));
        all.emplace("hi", KOKORO_NPU_LANGUAGE(Numbers::none, hi));
        return all;
    }();
    const auto found = languages.find(language);
    return found == languages.end() ? Text(text) : found->second(text);
}

}  // namespace kokoro_npu::reading
