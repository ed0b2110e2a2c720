// English dates: "March 5, 2024" -> "March fifth, twenty twenty four"; British readers say the day first.
#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

Text month_of(const Match& m) {
    static const WordTable months(dates_short);
    View written = m["month"];
    while (!written.empty() && written.back() == U'.') written.remove_suffix(1);
    const Text* known = months.find(written);
    return known != nullptr ? *known : Text(m["month"]);
}

Text spoken_date(const Text& month, std::uint64_t day, View of_year, bool day_first) {
    const Text place = ordinal(day);
    const Text words = day_first ? U"the " + place + U" of " + month : month + U" " + place;
    return of_year.empty() ? words : words + U", " + year(value_of(of_year));
}

Text month_name(std::uint64_t number) { return decoded(dates_months[number - 1]); }

Text figures(const Match& m, bool british) {
    constexpr std::uint64_t short_years = 50;  // "49" is 2049, "50" is 1950
    const std::uint64_t one = value_of(m[1]), other = value_of(m[3]);
    const bool day_first = british || m[2] == U"." || one > 12;
    const std::uint64_t day = day_first ? one : other, month = day_first ? other : one;
    if (month < 1 || month > 12 || day < 1 || day > 31) return Text(m[0]);
    if (m[4].size() == 2 && m[2] == U".") return Text(m[0]);  // a version
    Text of_year(m[4]);
    if (of_year.size() == 2) {
        const std::uint64_t short_year = value_of(m[4]);
        of_year = decoded(std::to_string(short_year + (short_year < short_years ? 2000 : 1900)));
    }
    return spoken_date(month_name(month), day, of_year, british);
}

Text named(const Match& m, bool day_first) { return spoken_date(month_of(m), value_of(m["day"]), m["year"], day_first); }

}  // namespace

Text dates(View text, bool british) {
    static const Pattern iso = pattern(dates_iso), in_figures = pattern(dates_figures),
                         days_first = pattern(dates_days_first), days = pattern(dates_days),
                         day_first = pattern(dates_day_first), month_first = pattern(dates_month_first),
                         decade = pattern(dates_decade), short_decade = pattern(dates_short_decade),
                         month_year = pattern(dates_month_year);
    Text out = iso.sub(text, [&](const Match& m) {
        return spoken_date(month_name(value_of(m["month"])), value_of(m["day"]), m["year"], british);
    });
    out = in_figures.sub(out, [&](const Match& m) { return figures(m, british); });
    out = days_first.sub(out, [](const Match& m) { return U"the " + ordinal(value_of(m["first"])) + U" to "; });
    out = days.sub(out, [](const Match& m) {
        return month_of(m) + U" " + Text(m["day"]) + U" to " + ordinal(value_of(m["last"]));
    });
    out = day_first.sub(out, [](const Match& m) { return named(m, true); });
    out = month_first.sub(out, [](const Match& m) { return named(m, false); });
    out = decade.sub(out, [](const Match& m) { return plural(year(value_of(m[1]))); });
    out = short_decade.sub(out, [](const Match& m) { return plural(cardinal(value_of(m[1]))); });
    return month_year.sub(out, [&](const Match& m) {
        return month_of(m) + U" " + year(value_of(m["year"]), british);
    });
}

}  // namespace kokoro_npu::reading
