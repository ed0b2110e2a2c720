// SSML: <speak>, <p>, <s>, <break>, <sub> and <phoneme> are understood; other tags are left out and named.
#include <algorithm>
#include <map>
#include <string>

#include "error.hpp"
#include "lexicon.hpp"
#include "markup.hpp"
#include "spacing.hpp"
#include "table_types.hpp"
#include "unicode_kinds.hpp"

namespace kokoro_npu::reading {
namespace {

#include "tables.inc"

using Attributes = std::map<Text, Text>;
constexpr double longest = 60;  // seconds

std::string quoted(View text, std::size_t most) { return "'" + encoded(text.substr(0, most)) + "'"; }

// A decimal number of any script's digits.
double number_of(View written) {
    double value = 0, scale = 1;
    bool behind = false;
    for (const char32_t c : written) {
        if (c == U'.') behind = true;
        else value = value * 10 + digit_value(c);
        if (behind && c != U'.') scale *= 10;
    }
    return value / scale;
}

// The seconds of a time as SSML writes it: "500ms", "1.5s".
double seconds_of(View time) {
    static const Pattern form = pattern(ssml_tags_time);
    const auto found = form.whole(stripped(time));
    const double value = found ? number_of((*found)[1]) / ((*found)[2] == U"ms" ? 1000 : 1) : -1;
    if (!(value >= 0 && value <= longest))
        throw Error(Fault::text, "break", "a time such as 500ms or 1.5s, up to 60s", quoted(time, 40), "Mend it.");
    return value;
}

double strength(View name) {
    if (name == U"none") return 0;
    if (name == U"x-weak") return 0.1;
    if (name == U"weak") return 0.2;
    if (name == U"strong") return 0.7;
    return name == U"x-strong" ? 1.0 : 0.4;
}

Attributes attributes(View written) {
    static const Pattern form = pattern(ssml_tags_attribute);
    Attributes out;
    for (const Match& m : form.all(written)) out[lowered(m[1])] = Text(m.has(2) ? m[2] : m[3]);
    return out;
}

Text value(const Attributes& given, const Text& name) {
    const auto found = given.find(name);
    return found == given.end() ? Text{} : found->second;
}

Text substitute(const Match& m) {
    const Attributes given = attributes(m[2]);
    const Text phonemes = value(given, U"ph"), alias = value(given, U"alias");
    if (m[1] == U"phoneme" && !phonemes.empty()) {
        const bool named = given.count(U"alphabet") > 0;
        const Text alphabet = named ? lowered(value(given, U"alphabet")) : U"ipa";
        if (alphabet != U"ipa" && alphabet != U"x-kokoro")
            throw Error(Fault::text, "<phoneme>", "alphabet ipa or x-kokoro", quoted(alphabet, 40),
                        "Write it in one of them.");
        return given_form(m[3].empty() ? View(phonemes) : m[3], alphabet == U"ipa" ? from_ipa(phonemes) : phonemes);
    }
    if (m[1] == U"sub" && !alias.empty()) return alias;
    if (m[1] == U"sub" && given.empty()) return Text(m[0]);  // HTML's subscript
    const std::string needed = m[1] == U"phoneme" ? "ph" : "alias";
    throw Error(Fault::text, "<" + encoded(m[1]) + ">", "an attribute " + needed, quoted(m[0], 60), "Add " + needed + ".");
}

}  // namespace

Text read_tags(View text, PauseMarks& pauses, std::vector<std::string>& left_out) {
    static const Pattern not_spoken = pattern(ssml_tags_not_spoken), brief = pattern(ssml_tags_short),
                         substitutes = pattern(ssml_tags_substitute), tags = pattern(ssml_tags_tag);
    static const WordSet known(ssml_tags_known), lines(ssml_tags_lines);
    const auto was_left_out = [&](const std::string& name) {
        return std::find(left_out.begin(), left_out.end(), name) != left_out.end();
    };
    Text out = not_spoken.sub(text, U"");
    out = brief.sub(out, [&](const Match& m) { return pauses.mark(seconds_of(m[1])); });
    out = substitutes.sub(out, substitute);
    return tags.sub(out, [&](const Match& m) -> Text {
        const Text name = lowered(m[2]);
        const bool closing = !m[1].empty();
        const Attributes given = attributes(m[3]);
        if (!known.has(name) && given.empty() && !(closing && was_left_out(encoded(name)))) return Text(m[0]);
        if (name == U"break") {
            const auto time = given.find(U"time");
            return pauses.mark(time != given.end() ? seconds_of(time->second) : strength(value(given, U"strength")));
        }
        if (name == U"p" || name == U"speak" || lines.has(name)) return U"\n\n";
        if (name == U"s") return closing ? U"\n" : U"";
        if (!closing && !was_left_out(encoded(name))) left_out.push_back(encoded(name));
        return {};
    });
}

}  // namespace kokoro_npu::reading
