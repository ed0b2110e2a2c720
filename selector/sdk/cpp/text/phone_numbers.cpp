// Telephone numbers are said digit by digit, with a short pause between the groups.
#include "english_numbers.hpp"
#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {
#include "tables.inc"
}

Text phone_numbers(View text, bool) {
    static const Pattern called = pattern(phone_numbers_short), phone = pattern(phone_numbers_phone), digits("\\d+");
    const Text out = called.sub(text, [](const Match& m) { return Text(m[1]) + U" " + digit_words(m[2]); });
    return phone.sub(out, [](const Match& m) {
        std::vector<Text> groups;
        for (const Match& group : digits.all(m[0])) groups.push_back(digit_words(group[0]));
        return (m[0][0] == U'+' ? U"plus " : U"") + joined(groups, U", ");
    });
}

}  // namespace kokoro_npu::reading
