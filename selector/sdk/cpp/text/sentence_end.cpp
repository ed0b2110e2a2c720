#include "english_rules.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {
#include "tables.inc"
}

bool ends_sentence(View rest) {
    static const Pattern next_word = pattern(sentence_end_next_word);
    static const WordSet starters(sentence_end_starters);
    const auto following = next_word.match(rest);
    return following && (!following->has(1) || starters.has((*following)[1]));
}

}  // namespace kokoro_npu::reading
