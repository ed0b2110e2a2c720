// English money: "$5.99" -> "five dollars and ninety nine cents", "$1.5M" -> "one point five million dollars".
#include <map>

#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

const Currency* currency_of(View sign) {
    static const auto known = [] {
        std::map<Text, const Currency*, std::less<>> all;
        for (const Currency& currency : money_currencies) all[decoded(currency.sign)] = &currency;
        return all;
    }();
    const auto found = known.find(sign);
    return found == known.end() ? nullptr : found->second;
}

// A lone sign: "the $ fell" -> "the dollar fell"; the same sign several times is a mark of price, said once.
Text name_of_sign(const Match& m) {
    const Currency* whole = currency_of(m[0]);
    const Currency* currency = whole != nullptr ? whole : currency_of(m[0].substr(0, 1));
    return currency != nullptr ? decoded(currency->one) : Text(m[0]);
}

Text amount_words(const Match& m, bool british, bool before) {
    static const Pattern decimal_comma(R"(\d+,\d\d)");
    static const WordTable scales(money_scales);
    const Currency& currency = *currency_of(m["sign"]);
    const Text one = decoded(currency.one), many = decoded(currency.many);
    Text amount(m["amount"]);
    if (decimal_comma.whole(amount)) amount = replaced(amount, U",", U".");
    const Text minus = m.has("minus") || (before && m.has("inner")) ? U"minus " : U"";
    const Text per = m.has("per") ? U" per " : U"";
    const Text scale(m.has("word") ? m["word"] : scales.at(m["scale"]));
    if (before && m.has("last")) {
        const Text scaled = scale.empty() ? U"" : U" " + scale;
        return minus + number_words(amount, british) + scaled + U" to " + number_words(m["last"], british) + U" " + many + per;
    }
    if (!scale.empty()) return minus + number_words(amount, british) + U" " + scale + U" " + many + per;
    const Text plain = replaced(amount, U",", U"");
    const std::size_t point = plain.find(U'.');
    const Text whole = plain.substr(0, point), decimals = point == Text::npos ? U"" : plain.substr(point + 1);
    if (decimals.size() != 2 || currency.cent.empty())
        return minus + number_words(amount, british) + U" " + (is_one(amount) ? one : many) + per;
    std::vector<Text> said;
    const std::uint64_t cents = value_of(decimals);
    if (whole.find_first_not_of(U'0') != Text::npos || cents == 0)
        said.push_back(number_words(whole, british) + U" " + (whole == U"1" ? one : many));
    if (cents > 0) said.push_back(cardinal(cents, british) + U" " + decoded(cents == 1 ? currency.cent : currency.cents));
    return minus + joined(said, U" and ") + per;
}

}  // namespace

Text money(View text, bool british) {
    static const Pattern before = pattern(money_before), behind = pattern(money_behind), cents = pattern(money_cents),
                         alone = pattern(money_alone);
    Text out = before.sub(text, [&](const Match& m) { return amount_words(m, british, true); });
    out = behind.sub(out, [&](const Match& m) { return amount_words(m, british, false); });
    out = cents.sub(out, [&](const Match& m) {
        return cardinal(value_of(m[1]), british) + (m[1] == U"1" ? U" cent" : U" cents");
    });
    return alone.sub(out, name_of_sign);
}

}  // namespace kokoro_npu::reading
