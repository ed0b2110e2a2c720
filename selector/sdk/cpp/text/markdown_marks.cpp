// Markdown's marks are silent: what they mark is said, and a scene break becomes a pause.
#include "markup.hpp"
#include "spacing.hpp"
#include "table_types.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

Text cells(View row) {
    std::vector<Text> said;
    for (const View cell : divided(row, U'|'))
        if (!stripped(cell).empty()) said.emplace_back(stripped(cell));
    return joined(said, U", ") + U".";
}

}  // namespace

Text markdown_lines(View text, const Text& scene_break) {
    static const Pattern quote = pattern(markdown_marks_quote), fence = pattern(markdown_marks_fence),
                         reference = pattern(markdown_marks_reference), underline = pattern(markdown_marks_underline),
                         rule_of_table = pattern(markdown_marks_rule_of_table), scene = pattern(markdown_marks_scene_break),
                         heading = pattern(markdown_marks_heading), row = pattern(markdown_marks_row),
                         item = pattern(markdown_marks_item);
    const std::vector<View> lines = divided(text, U'\n');
    std::vector<Text> out;
    for (const View line : lines) {
        const Text bare = quote.match(line) ? quote.sub(line, U"") : Text(line);
        const bool above = !out.empty() && !stripped(out.back()).empty() && out.back() != scene_break;
        if (fence.whole(bare) || reference.whole(bare)) {
            out.emplace_back();
        } else if (above && underline.whole(bare)) {
            out.emplace_back();  // the line above is a heading
        } else if (above && bare.find(U'|') != Text::npos && rule_of_table.whole(bare)) {
            continue;
        } else if (lines.size() > 1 && scene.whole(bare)) {
            out.push_back(scene_break);
        } else if (const auto title = heading.whole(bare)) {
            out.insert(out.end(), {U"", Text((*title)[1]), U""});
        } else if (const auto table = row.whole(bare)) {
            out.push_back(cells((*table)[1]));
        } else if (const auto mark = item.match(bare)) {
            out.push_back(Text((*mark)[1]) + U"• " + Text(mark->rest()));
        } else {
            out.push_back(bare);
        }
    }
    return joined(out, U"\n");
}

Text markdown_spans(View text) {
    static const Pattern image = pattern(markdown_marks_image), note = pattern(markdown_marks_note),
                         link = pattern(markdown_marks_link), named_link = pattern(markdown_marks_named_link),
                         code = pattern(markdown_marks_code), escape = pattern(markdown_marks_escape);
    static const auto emphasis = [] {
        std::vector<Pattern> made;
        for (const Written& one : markdown_marks_emphasis) made.push_back(pattern(one));
        return made;
    }();
    const auto first = [](const Match& m) { return m[1]; };
    Text out = note.sub(image.sub(text, first), U"");
    out = named_link.sub(link.sub(out, first), first);
    out = code.sub(out, [](const Match& m) { return m[2]; });
    for (const Pattern& one : emphasis) out = one.sub(out, first);
    return escape.sub(out, first);
}

}  // namespace kokoro_npu::reading
