// Answers every question of selector.tsv or split.tsv (standard input) with the headers; one answer a line.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "kokoro_npu.hpp"
#include "split.hpp"

static std::string name(const kokoro_npu::Bucket* bucket) { return bucket ? bucket->name : "-"; }

// The text of a field, and a field of a text: selector/sdk/vectors/split_vectors.py.
static std::string unescaped(const std::string& field) {
    std::string out;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const char c = field[i] == '\\' ? field[++i] : ' ';
        out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == '0' ? '\0' : field[i];
    }
    return out;
}
static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '\\' ? "\\\\" : std::string(1, c);
    return out;
}

static std::string split(const std::vector<std::string>& q) {
    std::int64_t plain = 0, digit = 0, mark = 0;
    char slash = 0;
    std::istringstream(q[1]) >> plain >> slash >> digit >> slash >> mark;
    const auto count = [&](std::string_view piece) {
        std::int64_t sum = 0;
        for (const char c : piece) {
            if (c >= '0' && c <= '9')
                sum += digit;
            else if (c > ' ' && c < '\x7f' && !std::isalnum(static_cast<unsigned char>(c)))
                sum += mark;
            else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
                sum += plain;
        }
        return sum;
    };
    static const char* const names[] = {"glue", "word", "clause", "sentence", "paragraph"};
    std::string out;
    try {
        kokoro_npu::Splitter chunks(unescaped(q.size() > 4 ? q[4] : ""), count, std::stoll(q[2]), std::stoll(q[3]));
        while (const auto chunk = chunks.next()) {
            out += (out.empty() ? "" : "\\n") + std::to_string(chunk->phonemes) + ' ' + std::to_string(chunk->words);
            out += ' ' + std::string(names[static_cast<int>(chunk->bound)]) + ' ' + escaped(chunk->text);
        }
        return out;
    } catch (const std::invalid_argument&) {
        return "!";
    }
}

// A voice by its place in the vectors' manifest, a weight as Python's float.hex writes it.
static std::string mix(const kokoro_npu::Selector& selector, const std::string& voice) {
    static const std::vector<std::string> names{"af_quick", "bm_slow", "h\u00e9ro\u00efne \\ \"1\""};
    std::string out;
    try {
        for (const auto& part : selector.mix(voice)) {
            int exponent = 0;
            const double mantissa = 2 * std::frexp(part.weight, &exponent);  // 1 to 2
            char text[64];
            const auto bits = static_cast<unsigned long long>(std::ldexp(mantissa - 1, 52));
            std::snprintf(text, sizeof text, "0x1.%013llxp%+d", bits, exponent - 1);
            const auto at = std::find(names.begin(), names.end(), part.name) - names.begin();
            out += (out.empty() ? "" : " ") + std::to_string(at) + ':' + text;
        }
        return out;
    } catch (const std::invalid_argument&) {
        return "!";
    }
}

static std::string answer(const kokoro_npu::Selector& selector, const std::vector<std::string>& q) {
    if (q[0] == "sound") return name(selector.choose_sound(std::stoll(q[1]), std::stoll(q[2])));
    if (q[0] == "encode") {
        std::string out;
        for (auto id : selector.encode(q[1])) out += (out.empty() ? "" : " ") + std::to_string(id);
        return out;
    }
    if (q[0] == "length") return std::to_string(selector.length(selector.encode(q[1])));
    if (q[0] == "split") return split(q);
    if (q[0] == "mix") return mix(selector, q.size() > 1 ? q[1] : "");
    const auto tokens = std::stoll(q[1]);
    const double speed = std::strtod(q[3].c_str(), nullptr);
    try {
        if (q[0] == "choose") return name(selector.choose(tokens, q[2], speed));
        if (q[0] == "most") return std::to_string(selector.most_tokens(q[2], speed));
        const auto frames = selector.expected_frames(tokens, q[2], speed);
        return frames < 0 ? "-" : std::to_string(frames);
    } catch (const std::invalid_argument&) {
        return "!";
    }
}

int main(int, char** argv) {
    std::ifstream file(argv[1], std::ios::binary);
    const std::string manifest{std::istreambuf_iterator<char>(file), {}};
    try {
        const kokoro_npu::Selector selector(manifest);
        for (std::string line; std::getline(std::cin, line);) {
            std::vector<std::string> q;
            std::istringstream parts(line);
            for (std::string part; std::getline(parts, part, '\t');) q.push_back(part);
            std::cout << answer(selector, q) << '\n';
        }
    } catch (const std::invalid_argument& error) {
        std::cout << error.what() << '\n';
        return 3;
    }
}
