// Answers every question of selector.tsv, split.tsv or join.tsv (standard input) with the headers; one answer a line.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "join.hpp"
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
    static const char* const names[] = {"inside", "glue", "word", "clause", "sentence", "paragraph"};
    std::string out;
    try {
        kokoro_npu::Splitter chunks(unescaped(q.size() > 4 ? q[4] : ""), count, std::stoll(q[2]), std::stoll(q[3]));
        while (const auto chunk = chunks.next()) {
            out += (out.empty() ? "" : "\\n") + std::to_string(chunk->phonemes) + ' ' + std::to_string(chunk->words);
            out += ' ' + std::string(names[static_cast<int>(chunk->bound) + 1]) + ' ' + escaped(chunk->text);
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

// CRC-32 of the samples as little-endian float32.
static std::uint32_t crc(const std::vector<float>& samples) {
    std::uint32_t sum = 0xFFFFFFFFU;
    for (const float sample : samples) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &sample, sizeof bits);
        for (int byte = 0; byte < 4; ++byte) {
            sum ^= (bits >> (8 * byte)) & 0xFFU;
            for (int i = 0; i < 8; ++i) sum = (sum >> 1) ^ ((sum & 1U) != 0 ? 0xEDB88320U : 0U);
        }
    }
    return ~sum;
}

static std::string place(const std::vector<std::string>& q) {
    std::u32string symbols;
    for (std::size_t i = 0; i < q[1].size();) {
        const auto lead = static_cast<unsigned char>(q[1][i]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        char32_t c = length == 1 ? lead : lead & (0xFFU >> (length + 1));
        for (std::size_t k = 1; k < length; ++k) c = (c << 6) | (static_cast<unsigned char>(q[1][i + k]) & 0x3FU);
        symbols += c;
        i += length;
    }
    std::vector<std::int64_t> frames;
    std::istringstream parts(q[2]);
    for (std::string part; std::getline(parts, part, ',');) frames.push_back(std::stoll(part));
    const auto span = kokoro_npu::phonemes_at(symbols, frames, 600);
    return span.known ? std::to_string(span.first) + '-' + std::to_string(span.last) : "-";
}

// The form of questions and answers: selector/sdk/vectors/join_vectors.py.
static std::string join(const std::vector<std::string>& q) {
    static const std::vector<std::string> bounds{"inside", "glue", "word", "clause", "sentence", "paragraph"};
    kokoro_npu::Joiner joiner(std::strtod(q[1].c_str(), nullptr), 24000);
    std::vector<float> all;
    std::string out;
    std::istringstream chunks(q[2]);
    for (std::string chunk; std::getline(chunks, chunk, ';');) {
        std::istringstream fields(chunk);
        std::string bound, at, part;
        fields >> bound >> at;
        kokoro_npu::PhonemeSpan phonemes;
        if (at != "-") {
            phonemes = {std::stoll(at), std::stoll(at.substr(at.find('-') + 1)), true};
        }
        std::vector<float> sound;
        while (std::getline(fields >> std::ws, part, ',')) {
            const auto level = static_cast<float>(std::stoll(part)) / 8192;
            for (auto left = std::stoll(part.substr(part.find('*') + 1)); left > 0; --left)
                sound.push_back(sound.size() % 40 < 20 ? level : -level);
        }
        const auto place = std::find(bounds.begin(), bounds.end(), bound) - bounds.begin();
        const auto joined = joiner.push(sound, static_cast<kokoro_npu::Bound>(place - 1), phonemes);
        out += std::to_string(joined.samples.size()) + ' ';
        all.insert(all.end(), joined.samples.begin(), joined.samples.end());
    }
    const auto last = joiner.finish();
    all.insert(all.end(), last.begin(), last.end());
    char sum[16];
    std::snprintf(sum, sizeof sum, "%08x", static_cast<unsigned>(crc(all)));
    return out + std::to_string(last.size()) + ' ' + sum;
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
    if (q[0] == "join") return join(q);
    if (q[0] == "at") return place(q);
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
