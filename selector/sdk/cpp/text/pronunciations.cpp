// Pronunciations that a text gives: `[Kokoro](/kˈOkəɹO/)`, the original's way.
#include "lexicon.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

Text one_word(View words) { return replaced(single_spaced(words), U" ", U"␣"); }

}  // namespace

Text given_form(View word, View phonemes) { return U"[" + one_word(word) + U"](/" + one_word(phonemes) + U"/)"; }

Text from_ipa(View phonemes) {
    Text out(phonemes);
    for (const Pair& pair : pronunciations_ipa) out = replaced(out, decoded(pair.key), decoded(pair.value));
    return out;
}

const Pattern& given_pronunciation() {
    static const Pattern given = pattern(pronunciations_given);
    return given;
}

}  // namespace kokoro_npu::reading
