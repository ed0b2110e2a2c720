// English times of day: "9:30 a.m." -> "nine thirty A M", "17:05" -> "seventeen oh five".
#include <algorithm>

#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

// Python's isupper: a capital, and no small letter.
bool all_capitals(View word) {
    const bool small = std::any_of(word.begin(), word.end(), [](char32_t c) { return raised(c) != c; });
    return !small && std::any_of(word.begin(), word.end(), is_capital);
}

Text half(const Match& m) {
    static const Pattern capital(R"(\s+([A-Z]\w*))");
    static const WordSet days(clock_times_days);
    if (!m.has("half")) return {};
    const auto following = capital.match(m.rest());
    const View next = following ? (*following)[1] : View{};
    const bool stop = ends_sentence(m.rest()) || (following && !days.has(lowered(next)) && !all_capitals(next));
    return U" " + Text(1, raised(m["half"][0])) + U" M" + (m.has("dot") && stop ? U"." : U"");
}

Text clock(const Match& m) {
    static const Pattern to_a_number(R"( to \d)");
    const std::uint64_t hour = value_of(m["h"]), minute = value_of(m["m"]), second = value_of(m["s"]);
    const bool seconds = m.has("s");
    Text words = cardinal(hour);
    if (minute > 0 || seconds)
        words += (minute > 0 && minute < 10 ? U" oh " : U" ") + cardinal(minute);
    else if (!m.has("half") && !to_a_number.match(m.rest()))
        words += hour >= 1 && hour <= 12 ? U" o'clock" : U" hundred";
    if (seconds) words += U" and " + cardinal(second) + (second == 1 ? U" second" : U" seconds");
    return words + half(m);
}

}  // namespace

Text clock_times(View text, bool) {
    static const Pattern halves = pattern(clock_times_halves), range = pattern(clock_times_range),
                         hour_range = pattern(clock_times_hour_range), hour = pattern(clock_times_hour),
                         times = pattern(clock_times_clock);
    Text out = halves.sub(text, U" to ");
    out = range.sub(out, U" to ");
    out = hour_range.sub(out, [](const Match& m) { return Text(m[1]) + U" to "; });
    out = times.sub(out, clock);
    return hour.sub(out, [](const Match& m) { return cardinal(value_of(m["h"])) + half(m); });
}

}  // namespace kokoro_npu::reading
