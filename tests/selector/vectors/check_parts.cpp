// Answers questions about the engine's parts, one a line (standard input); numbers go out as hex floats or whole numbers.
//
//   noise SEED INDEX COUNT       values
//   loose TEXT, letters TEXT     the loosened word; 1 or 0
//   letter FIRST LAST            1 or 0 per code point, then the decimals likewise
//   sha TEXT REPEATS             the digest of the text, handed over in pieces of 7 bytes
//   join SPEED FILE BOUND …      chunks of raw float32 in files, joined; written to the file of the last argument
//   push TEXT|TEXT|…             the complete sentences behind each piece, and the rest
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "growing_text.hpp"
#include "join.hpp"
#include "letters.hpp"
#include "normal_noise.hpp"
#include "sha256.hpp"

static std::vector<float> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<float> out(bytes.size() / 4);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(out.data()));
    return out;
}

static void write(const std::string& path, const std::vector<float>& samples) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(samples.data()), static_cast<std::streamsize>(samples.size() * 4));
}

static std::string joined(const std::vector<std::string>& q) {
    kokoro_npu::Joiner joiner(std::stod(q[1]), 24000);
    std::vector<float> all;
    std::string at;
    for (std::size_t i = 2; i + 2 < q.size(); i += 2) {
        const auto part = joiner.push(read(q[i]), static_cast<kokoro_npu::Bound>(std::stoi(q[i + 1])));
        at += std::to_string(static_cast<std::int64_t>(all.size()) + part.chunk_at) + ' ';
        all.insert(all.end(), part.samples.begin(), part.samples.end());
    }
    const auto end = joiner.finish();
    all.insert(all.end(), end.begin(), end.end());
    write(q.back(), all);
    return at;
}

static std::string pushed(const std::string& pieces) {
    static const char* const names[] = {"glue", "word", "clause", "sentence", "paragraph"};
    kokoro_npu::GrowingText text;
    std::string out;
    std::istringstream stream(pieces);
    for (std::string piece; std::getline(stream, piece, '|');) {
        const auto complete = text.push(piece);
        out += complete.text.empty() ? "-|" : complete.text + " <" + names[static_cast<int>(complete.ends)] + ">|";
    }
    return out + text.flush();
}

static std::string answer(const std::vector<std::string>& q) {
    std::ostringstream out;
    if (q[0] == "noise") {
        out << std::hexfloat;
        for (const float value : kokoro_npu::NormalNoise(std::stoull(q[1]), std::stoull(q[2])).take(std::stoull(q[3])))
            out << value << ' ';
    } else if (q[0] == "loose") {
        out << kokoro_npu::loosened(q[1]);
    } else if (q[0] == "letters") {
        out << kokoro_npu::has_letters(q[1]);
    } else if (q[0] == "letter") {
        for (const bool decimal : {false, true})
            for (char32_t c = static_cast<char32_t>(std::stoul(q[1])); c <= std::stoul(q[2]); ++c)
                out << (decimal ? kokoro_npu::detail::among(kokoro_npu::detail::decimal, c)
                                : kokoro_npu::detail::among(kokoro_npu::detail::alphanumeric, c));
    } else if (q[0] == "sha") {
        std::string text;
        for (int i = 0; i < std::stoi(q[2]); ++i) text += q[1];
        kokoro_npu::Sha256 sum;
        for (std::size_t at = 0; at < text.size(); at += 7) sum.update(text.data() + at, std::min<std::size_t>(7, text.size() - at));
        out << sum.hex();
    } else if (q[0] == "join") {
        out << joined(q);
    } else if (q[0] == "push") {
        out << pushed(q[1]);
    }
    return out.str();
}

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        std::vector<std::string> q;
        std::istringstream parts(line);
        for (std::string part; std::getline(parts, part, '\t');) q.push_back(part);
        std::cout << answer(q) << '\n';
    }
}
