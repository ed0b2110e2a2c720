// English words of signs that are left when numbers, money and addresses are words.
#include "english_rules.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {
#include "tables.inc"
}

Text symbols(View text, bool) {
    static const Pattern run = pattern(symbols_run), languages = pattern(symbols_languages),
                         pluses = pattern(symbols_pluses), hashtag = pattern(symbols_hashtag),
                         slash = pattern(symbols_slash), multiply = pattern(symbols_multiply),
                         sign = pattern(symbols_sign), silent = pattern(symbols_silent);
    static const WordTable words(symbols_words);
    Text out = run.sub(text, U" ");
    out = languages.sub(out, [](const Match& m) { return Text(m[1]) + U" sharp"; });
    out = pluses.sub(out, [](const Match& m) { return Text(m[1]) + U" plus plus"; });
    out = hashtag.sub(out, U"hashtag ");
    out = slash.sub(out, U" slash ");
    out = multiply.sub(out, U" times ");
    out = sign.sub(out, [](const Match& m) { return U" " + Text(words.at(m[0])) + U" "; });
    return silent.sub(out, U" ");
}

}  // namespace kokoro_npu::reading
