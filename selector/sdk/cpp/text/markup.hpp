// A text as it was typed -> passages of plain text and the pauses between them: export_onnx/text/markup.py in C++.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pattern.hpp"

namespace kokoro_npu::reading {

// Plain text between two pauses. `pause`: seconds of silence behind it, at any speed; none behind the last one.
struct SpokenPassage {
    Text text;
    std::optional<double> pause;
};

// A text without its markup: at least one passage, and the names of tags that are not understood.
struct Marked {
    std::vector<SpokenPassage> passages;
    std::vector<std::string> left_out;
};

// Throws Error(text) where <break>, <sub> or <phoneme> lacks what it needs, or has what cannot be read.
Marked read_markup(View text);

// Writes pauses into a text as private characters, and gives them back: one per length of pause.
class PauseMarks {
public:
    Text mark(double seconds);
    std::optional<double> seconds(char32_t mark) const;

private:
    std::vector<double> lengths_;
};

// Text without tags; names of those that were left out are added to `left_out`.
Text read_tags(View text, PauseMarks& pauses, std::vector<std::string>& left_out);
// Text with HTML's entities as the characters that they stand for.
Text read_entities(View text);
// Text without the marks that stand at a line's start or fill a line; a scene break becomes `scene_break`.
Text markdown_lines(View text, const Text& scene_break);
// Text without links' targets and without the marks of emphasis and code.
Text markdown_spans(View text);

}  // namespace kokoro_npu::reading
