// English units behind a number: "5 km" -> "five kilometers", "20°C" -> "twenty degrees Celsius".
#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

const WordTable& unit_names() {
    static const WordTable names(units_units);
    return names;
}

Text number(const Match& m, bool british) {
    static const Pattern range_before(R"(\d ?[-–] ?$)");
    const bool ranged = range_before.search(m.before()).has_value();
    return (m.has("minus") ? U"minus " : U"") + (ranged ? Text(m["amount"]) : number_words(m["amount"], british));
}

// Whether it stands between an article and a noun: "a 45° angle".
bool counts_a_noun(const Match& m) {
    static const Pattern article(R"(\b[aA]n? $)"), noun(" [a-z]");
    return article.search(m.before()) && noun.match(m.rest());
}

Text degrees(const Match& m, bool british) {
    const View scale = m["scale"];
    const char32_t letter = !scale.empty() ? scale[0] : m[0].back() == U'℃' ? U'C' : m[0].back() == U'℉' ? U'F' : U' ';
    static const WordTable names(units_degrees);
    const Text words = number(m, british) + (is_one(m["amount"]) || counts_a_noun(m) ? U" degree " : U" degrees ");
    return Text(right_stripped(words + Text(names.at(View(&letter, 1)))));
}

// A quote behind a number is inches where no quote is open.
Text inches(const Match& m) {
    static const Pattern quotes("(?<!\\d)\"");
    if (m[0].back() == U'"' && quotes.all(m.before()).size() % 2 == 1) return Text(m[0]);
    return Text(m[1]) + (!m[2].empty() || m[1] == U"1" ? U" inch" : U" inches");
}

Text plural_unit(const Text& unit) {
    static const WordTable irregular(units_plurals);
    const std::size_t per = unit.find(U" per ");
    const Text first = unit.substr(0, per), rest = per == Text::npos ? U"" : unit.substr(per);
    const Text* known = irregular.find(first);
    return (known != nullptr ? *known : first + U"s") + rest;
}

Text unit(const Match& m, bool british) {
    static const WordSet spaced_only(units_spaced_only), with_dot(units_with_dot);
    static const WordTable powers(units_powers);
    const View symbol = m["unit"], gap = m["gap"];
    const bool dot = m.has("dot");
    if ((spaced_only.has(symbol) && gap != U" ") || (dot && !with_dot.has(symbol) && symbol.size() == 1 && gap.empty()))
        return Text(m[0]);
    const Text name = Text(powers.at(m["power"])) + Text(unit_names().at(symbol));
    const bool singular = is_one(m["amount"]) || gap == U"-" || counts_a_noun(m);
    Text words = number(m, british) + U" " + (singular ? name : plural_unit(name));
    if (m.has("per")) words += U" per " + Text(unit_names().at(m["per"].substr(1)));
    const bool stop = dot && (!with_dot.has(symbol) || ends_sentence(m.rest()));
    return words + (stop ? U"." : U"");
}

}  // namespace

Text units(View text, bool british) {
    static const Pattern percent = pattern(units_percent), degree = pattern(units_degree), by = pattern(units_by),
                         feet_in = pattern(units_feet_in), feet = pattern(units_feet), inch = pattern(units_inch),
                         any_unit = pattern(units_unit), per = pattern(units_per), per_unit = pattern(units_per_unit);
    Text out = percent.sub(text, [&](const Match& m) {
        return number(m, british) + (m["sign"] == U"%" ? U" percent" : U" per mille");
    });
    out = degree.sub(out, [&](const Match& m) { return degrees(m, british); });
    out = by.sub(out, [](const Match& m) { return Text(m[1]) + U" by "; });
    out = feet_in.sub(out, [](const Match& m) {
        return Text(m[1]) + U" feet " + Text(m[2]) + (m[2] == U"1" ? U" inch" : U" inches");
    });
    out = feet.sub(out, [](const Match& m) { return number_words(m[1]) + U" foot " + number_words(m[2]); });
    out = inch.sub(out, inches);
    out = any_unit.sub(out, [&](const Match& m) { return unit(m, british); });
    out = per.sub(out, U" per ");
    return per_unit.sub(out, [](const Match& m) { return unit_names().at(m[0]); });
}

}  // namespace kokoro_npu::reading
