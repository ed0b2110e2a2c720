// JSON as a package's manifest is written in it: one value per text, read strictly. C++17, header only.
//
// Errors are std::invalid_argument and name what was expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kokoro_npu {

namespace detail {

[[noreturn]] inline void refuse(const std::string& what) { throw std::invalid_argument("manifest: " + what); }

// One JSON value. Strings are UTF-8; numbers are doubles.
struct Json {
    enum class Kind { null, boolean, number, string, list, object } kind = Kind::null;
    double number = 0;
    std::string string;
    std::vector<Json> list;
    std::vector<std::pair<std::string, Json>> object;

    const Json& operator[](std::string_view key) const {
        if (kind != Kind::object) refuse("expected an object around " + std::string(key));
        for (const auto& entry : object)
            if (entry.first == key) return entry.second;
        refuse("expected the key " + std::string(key));
    }
    const std::vector<Json>& items() const {
        if (kind != Kind::list) refuse("expected a list");
        return list;
    }
    const std::vector<std::pair<std::string, Json>>& entries() const {
        if (kind != Kind::object) refuse("expected an object");
        return object;
    }
    const std::string& str() const {
        if (kind != Kind::string) refuse("expected a string");
        return string;
    }
    std::int64_t whole() const {
        const bool in_range = number > -9e15 && number < 9e15;
        if (kind != Kind::number || !in_range || static_cast<double>(static_cast<std::int64_t>(number)) != number)
            refuse("expected a whole number");
        return static_cast<std::int64_t>(number);
    }
    std::vector<std::int64_t> wholes() const {
        std::vector<std::int64_t> out;
        for (const auto& item : items()) out.push_back(item.whole());
        return out;
    }
};

inline void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Json whole() {
        Json value = parse(0);
        space();
        if (at_ != text_.size()) fail("the end");
        return value;
    }

private:
    static constexpr int deepest = 64;
    std::string_view text_;
    std::size_t at_ = 0;

    [[noreturn]] void fail(const char* expected) const {
        refuse("byte " + std::to_string(at_) + ": expected " + expected);
    }
    void space() {
        while (at_ < text_.size() && std::string_view(" \n\r\t").find(text_[at_]) != std::string_view::npos) ++at_;
    }
    bool next(char c) {
        space();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool word(std::string_view w) {
        if (text_.substr(at_, w.size()) != w) return false;
        at_ += w.size();
        return true;
    }
    Json parse(int depth) {
        space();
        if (at_ >= text_.size() || depth > deepest) fail("a value");
        Json value;
        const char c = text_[at_];
        if (c == '{') {
            value.kind = Json::Kind::object;
            ++at_;
            if (!next('}')) {
                do {
                    space();
                    std::string key = string();
                    if (!next(':')) fail("':'");
                    value.object.emplace_back(std::move(key), parse(depth + 1));
                } while (next(','));
                if (!next('}')) fail("'}'");
            }
        } else if (c == '[') {
            value.kind = Json::Kind::list;
            ++at_;
            if (!next(']')) {
                do {
                    value.list.push_back(parse(depth + 1));
                } while (next(','));
                if (!next(']')) fail("']'");
            }
        } else if (c == '"') {
            value.kind = Json::Kind::string;
            value.string = string();
        } else if (word("true") || word("false")) {
            value.kind = Json::Kind::boolean;
            value.number = c == 't';
        } else if (!word("null")) {
            const std::size_t start = at_;
            while (at_ < text_.size() && std::string_view("+-.eE0123456789").find(text_[at_]) != std::string_view::npos) ++at_;
            const std::string digits(text_.substr(start, at_ - start));
            char* end = nullptr;
            value.kind = Json::Kind::number;
            value.number = std::strtod(digits.c_str(), &end);
            if (digits.empty() || *end != '\0') fail("a value");
        }
        return value;
    }
    std::uint32_t hex4() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const char c = at_ < text_.size() ? text_[at_] : ' ';
            const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(c);
            if (digit == std::string_view::npos) fail("four hex digits");
            value = value * 16 + static_cast<std::uint32_t>(digit < 16 ? digit : digit - 6);
        }
        return value;
    }
    std::string string() {
        if (at_ >= text_.size() || text_[at_] != '"') fail("a string");
        ++at_;
        std::string out;
        while (at_ < text_.size() && text_[at_] != '"') {
            char c = text_[at_++];
            if (c != '\\') {
                out += c;
                continue;
            }
            c = at_ < text_.size() ? text_[at_++] : ' ';
            const std::size_t simple = std::string_view("\"\\/bfnrt").find(c);
            if (simple != std::string_view::npos) {
                out += "\"\\/\b\f\n\r\t"[simple];
            } else if (c == 'u') {
                std::uint32_t code = hex4();
                if (code >= 0xD800 && code < 0xDC00 && word("\\u")) code = 0x10000 + ((code - 0xD800) << 10) + (hex4() - 0xDC00);
                append_utf8(out, code);
            } else {
                fail("an escape");
            }
        }
        if (at_ >= text_.size()) fail("a closing quote");
        ++at_;
        return out;
    }
};

}  // namespace detail

}  // namespace kokoro_npu
