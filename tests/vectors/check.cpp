// Answers every question of selector.tsv (standard input) with the header's selector; one answer a line.
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "kokoro_npu.hpp"

static std::string name(const kokoro_npu::Bucket* bucket) { return bucket ? bucket->name : "-"; }

static std::string answer(const kokoro_npu::Selector& selector, const std::vector<std::string>& q) {
    if (q[0] == "sound") return name(selector.choose_sound(std::stoll(q[1]), std::stoll(q[2])));
    if (q[0] == "encode") {
        std::string out;
        for (auto id : selector.encode(q[1])) out += (out.empty() ? "" : " ") + std::to_string(id);
        return out;
    }
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
