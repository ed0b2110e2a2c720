// HTML's entities: &amp; &#8212; &#x2014; and every name that HTML has.
#include <algorithm>

#include "letters.hpp"
#include "markup.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

Text numbered(View entity) {  // `&#` is before the digits, `;` behind them
    const bool hexadecimal = lowered(entity[2]) == U'x';
    char32_t code = 0;
    for (const char32_t c : entity.substr(hexadecimal ? 3 : 2, entity.size() - (hexadecimal ? 4 : 3))) {
        if (c >= 128) return Text(entity);  // digits of other scripts are no number to HTML
        const char32_t digit = c <= U'9' ? c - U'0' : lowered(c) - U'a' + 10;
        code = code * (hexadecimal ? 16 : 10) + digit;
    }
    for (const Numbered& other : html_numbers)
        if (other.number == code) return Text(1, other.c);
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return U"\uFFFD";
    return detail::among(html_nothing, code) ? Text{} : Text(1, code);
}

Text named(View entity) {
    const std::string name = encoded(entity.substr(1));
    const auto find = [](std::string_view key) {
        const auto* found = std::lower_bound(std::begin(html_entities), std::end(html_entities), key,
                                             [](const Pair& pair, std::string_view wanted) { return pair.key < wanted; });
        return found != std::end(html_entities) && found->key == key ? found : nullptr;
    };
    for (std::size_t length = name.size(); length > 1; --length)  // some names need no semicolon
        if (const Pair* found = find(std::string_view(name).substr(0, length)))
            return decoded(found->value) + decoded(std::string_view(name).substr(length));
    return Text(entity);
}

}  // namespace

Text read_entities(View text) {
    static const Pattern entity = pattern(markup_entity), private_characters = pattern(markup_private);
    return entity.sub(text, [](const Match& m) {
        return private_characters.sub(m[0][1] == U'#' ? numbered(m[0]) : named(m[0]), U" ");
    });
}

}  // namespace kokoro_npu::reading
