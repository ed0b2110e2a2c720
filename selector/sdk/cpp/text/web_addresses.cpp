// English words of e-mail addresses, URLs, host and file names: "info@example.com" -> "info at example dot com".
#include <algorithm>

#include "english_rules.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

// A word of the address; "www", short endings and capitals without vowels are spelled.
Text part_words(View part, bool ending) {
    static const WordSet as_words(web_addresses_as_words), spelled_endings(web_addresses_spelled);
    constexpr std::size_t most_spelled = 4;  // letters of a last label that is spelled
    if (std::all_of(part.begin(), part.end(), is_digit))
        return part.size() > 2 || part[0] == U'0' ? spelled(part) : Text(part);
    const Text small = lowered(part);
    const bool brief = ending && part.size() <= most_spelled && !as_words.has(small) && spelled_endings.has(small);
    if (small != U"www" && !brief) return Text(part);
    Text capitals(part);
    std::transform(capitals.begin(), capitals.end(), capitals.begin(), raised);
    return spelled(capitals);
}

Text address_words(View address) {
    static const Pattern scheme(R"(^\w+://)"), piece = pattern(web_addresses_piece);
    static const WordTable signs(web_addresses_signs);
    Text plain = scheme.sub(address, U"");
    while (!plain.empty() && plain.back() == U'/') plain.pop_back();
    std::vector<Text> said;
    for (const Match& m : piece.all(plain)) {
        const bool after_dot = m.start() > 0 && plain[m.start() - 1] == U'.';
        const bool last = after_dot && (m.end() == plain.size() || plain[m.end()] != U'.');
        const Text* sign = signs.find(m[0]);
        said.push_back(sign != nullptr ? *sign : part_words(m[0], last));
    }
    return joined(said, U" ");
}

}  // namespace

Text web_addresses(View text, bool) {
    static const Pattern address = pattern(web_addresses_address);
    return address.sub(text, [](const Match& m) {
        for (int kind = 1; kind < 4; ++kind)
            if (!m[kind].empty()) return address_words(m[kind]);
        return address_words(m[4]);
    });
}

}  // namespace kokoro_npu::reading
