// Runs the engine under sanitizers: drill PACKAGE MANIFESTS TEXTS, or drill overrun.
//
// MANIFESTS is a folder of damaged manifests: each is read and, where it is taken, asked everything. TEXTS is a file of
// texts, separated by zero bytes: each is spoken whole, pushed in pieces, and cancelled. Prints how many of each were
// taken and refused. `overrun` reads behind an array: a sanitizer that is on must stop it.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "engine.hpp"

namespace fs = std::filesystem;
using namespace kokoro_npu;

static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

static bool manifest_taken(const std::string& text) {
    try {
        const Manifest manifest = read_manifest(text, "manifest");
        const Selector selector(text);
        for (const auto& voice : manifest.voices) {
            if (!selector.knows(voice.first)) continue;
            for (const double speed : {0.5, 1.0, 2.0})
                for (const std::int64_t tokens : {1, 3, 128, 1000000})
                    try {
                        selector.choose(tokens, voice.first, speed);
                        selector.most_tokens(voice.first, speed);
                    } catch (const std::invalid_argument&) {
                    }
        }
        selector.length(selector.encode("\xff\xe2\x82 a, b!\xf0"));
        return true;
    } catch (const Error&) {
        return false;
    } catch (const std::invalid_argument&) {
        return false;
    }
}

static bool text_spoken(const Engine& engine, const std::string& text) {
    SpeechRequest request;
    request.phonemize = [](const std::string& piece, const std::string&) { return piece; };
    bool spoken = true;
    for (const int way : {0, 1, 2}) {
        int chunks = 0, asked = 0;
        const auto take = [&](const Spoken& chunk) {
            if (chunk.samples.size() > 100000000) throw std::runtime_error("endless");
            if (++chunks == 4) throw std::runtime_error("enough");
        };
        if (way == 2) request.cancelled = [&] { return ++asked > 9; };
        try {
            if (way == 1) {
                Speech speech = engine.begin(request, take);
                for (std::size_t at = 0; at < text.size(); at += 5) speech.push(text.substr(at, 5));
                speech.finish();
            } else {
                request.text = text;
                engine.speak(request, take);
            }
        } catch (const Error& error) {
            spoken = spoken && error.fault == Fault::cancelled;
        } catch (const std::runtime_error&) {
        }
    }
    return spoken;
}

int main(int count, char** arguments) {
    if (count == 2) {
        const std::vector<float> few(count);
        volatile std::size_t behind = 9;
        std::cout << few.data()[behind] << '\n';
        return 0;
    }
    int counts[2][2] = {};
    for (const auto& file : fs::directory_iterator(arguments[2])) ++counts[0][manifest_taken(read(file.path()))];
    EngineOptions options;
    options.memory_limit = 1 << 20;
    const Engine engine(arguments[1], options);
    const std::string texts = read(arguments[3]);
    for (std::size_t from = 0, to = 0; to != std::string::npos; from = to + 1) {
        to = texts.find('\0', from);
        ++counts[1][text_spoken(engine, texts.substr(from, to == std::string::npos ? to : to - from))];
    }
    for (const auto& pair : counts) std::cout << pair[1] << ' ' << pair[0] << '\n';
}
