// Marks inside English numbers in one form, before any rule reads them: 1,234.5 and never 1 234,5 or 1.234,50.
#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {
#include "tables.inc"
}

Text number_marks(View text, bool) {
    static const Pattern spaced = pattern(number_marks_spaced), european = pattern(number_marks_european),
                         decimal_comma = pattern(number_marks_decimal_comma),
                         short_comma = pattern(number_marks_short_comma), scientific = pattern(number_marks_scientific);
    const auto with_point = [](const Match& m) { return replaced(m[1], U".", U"") + U"." + Text(m[2]); };
    Text out = spaced.sub(text, [](const Match& m) { return replaced(m[0], U" ", U""); });
    out = european.sub(out, with_point);
    out = decimal_comma.sub(out, with_point);
    out = short_comma.sub(out, with_point);
    return scientific.sub(out, [](const Match& m) {
        const View power = m[2][0] == U'+' ? m[2].substr(1) : m[2];
        return Text(m[1]) + U" times 10^" + Text(power);
    });
}

}  // namespace kokoro_npu::reading
