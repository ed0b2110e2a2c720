#include "markup.hpp"

#include <algorithm>

#include "lexicon.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

constexpr double scene_pause = 1.5;  // seconds: twice the pause between paragraphs
constexpr char32_t first_mark = 0xF000, last_mark = 0xF8FF;

}  // namespace

Text PauseMarks::mark(double seconds) {
    const auto found = std::find(lengths_.begin(), lengths_.end(), seconds);
    const auto index = static_cast<char32_t>(found - lengths_.begin());
    if (found == lengths_.end()) lengths_.push_back(seconds);
    return Text(1, std::min<char32_t>(first_mark + index, last_mark));
}

std::optional<double> PauseMarks::seconds(char32_t mark) const {
    if (mark < first_mark || mark - first_mark >= lengths_.size()) return std::nullopt;
    return lengths_[mark - first_mark];
}

Marked read_markup(View typed) {
    static const Pattern marks = pattern(markup_plain), private_characters = pattern(markup_private),
                         link = pattern(markup_autolink), blank_lines(R"(\n(?:[ \t]*\n){2,})");
    Text text = replaced(replaced(typed, U"\r\n", U"\n"), U"\r", U"\n");
    if (!marks.search(text)) return {{{text, std::nullopt}}, {}};
    Marked out;
    PauseMarks pauses;
    const auto first_group = [](const Match& m) { return m[1]; };
    text = private_characters.sub(text, U" ");  // they mean nothing to a reader, and something below
    text = read_tags(link.sub(text, first_group), pauses, out.left_out);
    text = read_entities(text);
    text = markdown_lines(text, pauses.mark(scene_pause));
    text = given_pronunciation().sub(text, [](const Match& m) { return given_form(m[1], m[2]); });
    text = blank_lines.sub(markdown_spans(text), U"\n\n");
    std::size_t at = 0;
    for (const Match& m : private_characters.all(text)) {
        const View before = View(text).substr(at, m.start() - at);
        out.passages.push_back({Text(stripped(before)), pauses.seconds(m[0][0]).value_or(0)});
        at = m.end();
    }
    const View last = View(text).substr(at);
    out.passages.push_back({Text(out.passages.empty() ? last : stripped(last)), std::nullopt});
    return out;
}

}  // namespace kokoro_npu::reading
