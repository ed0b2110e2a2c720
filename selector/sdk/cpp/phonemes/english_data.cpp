#include "phonemes/english_data.hpp"

#include <algorithm>

#include "error.hpp"

namespace kokoro_npu {
namespace {

constexpr std::string_view magic = "KNENGL01";
constexpr std::size_t header_sections = 5;  // symbols, gold, silver, units, n-grams
constexpr unsigned char class_mark = 0x40;  // of a byte that names a class of words; symbols are below
constexpr std::size_t most_levels = 8, nothing = static_cast<std::size_t>(-1);

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t width) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    return value;
}
unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

}  // namespace

const std::u32string* Pronunciations::of(WordClass wanted) const {
    for (const auto& one : all)
        if (one.first == wanted) return &one.second;
    return nullptr;
}

void EnglishData::broken(const std::string& got) const {
    throw Error(Fault::package, path_, "a file of an English accent of version 1", got,
                "Make it again with `python -m selector english`.");
}

EnglishData::EnglishData(const std::string& path) : file_(std::make_shared<MappedFile>(path)), path_(path) {
    const std::string_view whole = file_->text();
    const std::size_t head = magic.size() + 8 * header_sections;
    if (whole.size() < head || whole.substr(0, magic.size()) != magic) broken("another file");
    std::string_view sections[header_sections];
    for (std::size_t i = 0; i < header_sections; ++i) {
        const std::size_t at = magic.size() + 8 * i, from = number_at(whole, at, 4), size = number_at(whole, at + 4, 4);
        if (from > whole.size() || size > whole.size() - from) broken("a file that was cut off");
        sections[i] = whole.substr(from, size);
    }
    for (std::size_t at = 0; at + 4 <= sections[0].size(); at += 4)
        symbols_ += static_cast<char32_t>(number_at(sections[0], at, 4));
    if (symbols_.size() >= class_mark) broken("too many symbols");
    for (const auto& [words, section] : {std::pair{&gold_, sections[1]}, std::pair{&silver_, sections[2]}}) {
        const std::size_t count = section.size() < 4 ? 0 : number_at(section, 0, 4);
        if (count == 0 || count > section.size() / 4 - 1) broken("a dictionary without words");
        *words = {section.substr(4 + 4 * count), section.substr(4, 4 * count)};
    }
    for (std::size_t at = 0; at + 2 <= sections[3].size();) {
        const std::size_t length = byte_at(sections[3], at + 1);
        if (at + 2 + length > sections[3].size()) broken("a unit that was cut off");
        units_.push_back({sections[3][at], symbols_of(sections[3].substr(at + 2, length))});
        at += 2 + length;
    }
    std::string_view rest = sections[4];
    while (!rest.empty() && levels_.size() < most_levels) {
        if (rest.size() < 5) broken("n-grams that were cut off");
        Level level;
        level.size = number_at(rest, 0, 4);
        const bool last = byte_at(rest, 4) != 0;
        const std::size_t each = last ? 3 : 8, size = 5 + each * level.size + (last ? 0 : 4);
        if (level.size > rest.size() / 3 || size > rest.size()) broken("n-grams that were cut off");
        level.units = rest.substr(5, 2 * level.size);
        level.costs = rest.substr(5 + 2 * level.size, level.size);
        if (!last) {
            level.fallbacks = rest.substr(5 + 3 * level.size, level.size);
            level.children = rest.substr(5 + 4 * level.size, 4 * (level.size + 1));
        }
        levels_.push_back(level);
        rest.remove_prefix(size);
    }
    for (std::size_t n = 0; n < levels_.size(); ++n) {
        if ((n + 1 == levels_.size()) != levels_[n].children.empty()) broken("n-grams of another form");
        for (std::size_t i = 0; i <= levels_[n].size && !levels_[n].children.empty(); ++i)
            if (number_at(levels_[n].children, 4 * i, 4) > levels_[n + 1].size) broken("n-grams that point nowhere");
    }
    if (units_.empty() || levels_.empty() || levels_[0].size == 0) broken("no model of unknown words");
}

std::u32string EnglishData::symbols_of(std::string_view bytes) const {
    std::u32string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned symbol = byte_at(bytes, i);
        if (symbol == 0 || symbol > symbols_.size()) broken("an unknown symbol");
        out += symbols_[symbol - 1];
    }
    return out;
}

Pronunciations EnglishData::pronunciations_of(std::string_view value) const {
    Pronunciations out;
    if (value.empty() || byte_at(value, 0) < class_mark) {
        out.all.emplace_back(WordClass::any, symbols_of(value));
        return out;
    }
    for (std::size_t at = 0; at < value.size();) {
        const unsigned kind = byte_at(value, at) - class_mark;
        if (kind > static_cast<unsigned>(WordClass::determiner)) broken("an unknown class of words");
        std::size_t end = ++at;
        while (end < value.size() && byte_at(value, end) < class_mark) ++end;
        out.all.emplace_back(static_cast<WordClass>(kind), symbols_of(value.substr(at, end - at)));
        at = end;
    }
    if (!out.of(WordClass::any)) broken("an entry without its usual pronunciation");
    return out;
}

std::optional<Pronunciations> EnglishData::find(Dictionary dictionary, std::string_view word) const {
    const Words& words = dictionary == Dictionary::gold ? gold_ : silver_;
    const auto start = [&](std::size_t block) {
        return std::min<std::size_t>(number_at(words.starts, 4 * block, 4), words.blocks.size());
    };
    const auto first_word = [&](std::size_t block) {
        const std::string_view rest = words.blocks.substr(start(block));
        const std::size_t length = rest.size() < 2 ? 0 : byte_at(rest, 1);
        if (2 + length > rest.size()) broken("a dictionary that was cut off");
        return rest.substr(2, length);
    };
    std::size_t low = 0, high = words.starts.size() / 4;  // the last block whose first word is not behind the word
    while (low + 1 < high) {
        const std::size_t middle = (low + high) / 2;
        (first_word(middle) <= word ? low : high) = middle;
    }
    const std::size_t end = (low + 1) * 4 < words.starts.size() ? start(low + 1) : words.blocks.size();
    std::string current;
    for (std::size_t at = start(low); at + 2 <= end;) {  // shared, length, letters; length, value
        const std::size_t shared = byte_at(words.blocks, at), length = byte_at(words.blocks, at + 1);
        if (shared > current.size() || at + 3 + length > end) broken("a dictionary that was cut off");
        current.resize(shared);
        current += words.blocks.substr(at + 2, length);
        const std::size_t size = byte_at(words.blocks, at + 2 + length);
        if (at + 3 + length + size > end) broken("a dictionary that was cut off");
        if (current == word) return pronunciations_of(words.blocks.substr(at + 3 + length, size));
        if (current > word) return std::nullopt;
        at += 3 + length + size;
    }
    return std::nullopt;
}

// The place of a unit among the children of an n-gram, which are sorted.
std::size_t EnglishData::child(std::size_t level, std::size_t from, std::size_t to, std::uint16_t unit) const {
    const std::size_t end = to;
    while (from < to) {
        const std::size_t middle = (from + to) / 2;
        if (number_at(levels_[level].units, 2 * middle, 2) < unit) from = middle + 1;
        else to = middle;
    }
    return from < end && number_at(levels_[level].units, 2 * from, 2) == unit ? from : nothing;
}

std::uint32_t EnglishData::cost(const std::vector<std::uint16_t>& before, std::uint16_t unit) const {
    constexpr std::uint32_t unseen = 255;
    std::uint32_t fallbacks = 0;
    for (std::size_t length = std::min(before.size(), levels_.size() - 1) + 1; length-- > 0;) {
        std::size_t from = 0, to = levels_[0].size, at = nothing;
        bool known = true;
        for (std::size_t i = 0; known && i < length; ++i) {
            at = child(i, from, to, before[before.size() - length + i]);
            known = at != nothing;
            if (known) {
                from = number_at(levels_[i].children, 4 * at, 4);
                to = number_at(levels_[i].children, 4 * at + 4, 4);
            }
        }
        if (!known) continue;  // a context that was not seen costs nothing
        const std::size_t found = child(length, from, to, unit);
        if (found != nothing) return fallbacks + byte_at(levels_[length].costs, found);
        if (at != nothing) fallbacks += byte_at(levels_[length - 1].fallbacks, at);
    }
    return fallbacks + unseen;
}

}  // namespace kokoro_npu
