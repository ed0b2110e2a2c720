#include "lexicon.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "error.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

constexpr View special = U"()[]{}?*+-|^$\\.&~# \t\n\r\v\f";

// A word as a pattern; one without capitals is found in any case.
std::string form_of(const Text& word) {
    Text out;
    for (const char32_t c : word) {
        if (special.find(c) != View::npos) out += U'\\';
        out += c;
    }
    const std::string form = encoded(out);
    return word == lowered(word) ? "(?i:" + form + ")" : form;
}

// Python's splitlines.
std::vector<Text> lines_of(View text) {
    constexpr View ends = U"\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029";
    std::vector<Text> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of(ends, at), text.size());
        lines.emplace_back(text.substr(at, end - at));
        at = end + (text.substr(end, 2) == U"\r\n" ? 2 : 1);
    }
    return lines;
}

}  // namespace

Lexicon::Lexicon() {
    for (const Pair& entry : builtin_lexicon) entries_[decoded(entry.key)] = decoded(entry.value);
    make_pattern();
}

Lexicon::Lexicon(std::string_view file_text, const std::string& name) : Lexicon() {
    static const Pattern entry = pattern(lexicon_entry);
    Text text = decoded(file_text);
    if (!text.empty() && text[0] == 0xFEFF) text.erase(0, 1);
    std::size_t number = 0;
    for (const Text& whole_line : lines_of(text)) {
        ++number;
        const View line = stripped(whole_line);
        if (line.empty() || line[0] == U'#') continue;
        const auto found = entry.whole(line);
        if (!found)
            throw Error(Fault::text, name + ", line " + std::to_string(number), "a word, then /phonemes/ or other words",
                        "'" + encoded(line.substr(0, 60)) + "'", "Write it as `SQL sequel` or `Kokoro /kˈOkəɹO/`.");
        const View word = (*found)[1].empty() ? (*found)[2] : (*found)[1];
        entries_[Text(word)] = found->has(3) ? given_form(word, (*found)[3]) : Text((*found)[4]);
    }
    make_pattern();
}

void Lexicon::make_pattern() {
    std::vector<Text> words;
    for (const auto& entry : entries_) words.push_back(entry.first);
    std::stable_sort(words.begin(), words.end(), [](const Text& a, const Text& b) { return a.size() > b.size(); });
    std::string forms;
    for (const Text& word : words) forms += (forms.empty() ? "" : "|") + form_of(word);
    pattern_ = std::make_shared<const Pattern>("(?<!\\w)(?:" + forms + ")(?!\\w)");
}

Text Lexicon::apply(View text) const {
    return pattern_->sub(text, [&](const Match& m) {
        auto found = entries_.find(m[0]);
        if (found == entries_.end()) found = entries_.find(lowered(m[0]));
        return found == entries_.end() ? Text(m[0]) : found->second;
    });
}

}  // namespace kokoro_npu::reading
