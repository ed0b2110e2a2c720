// two_threads PACKAGE [race]: two speeches at once, each with a second thread for the vocoder, whole and cancelled at
// every stage; for ThreadSanitizer. `race` is a data race, which it must report.
#include <iostream>
#include <thread>

#include "engine.hpp"

using namespace kokoro_npu;

int main(int count, char** arguments) {
    if (count > 2) {
        int sum = 0;
        std::thread other([&] { ++sum; });
        ++sum;
        other.join();
        return sum;
    }
    EngineOptions options;
    options.threads = 1;
    options.memory_limit = 1;
    options.side_by_side = SideBySide::always;
    const Engine engine(arguments[1], options);
    const auto speak = [&](int stop) {
        SpeechRequest request;
        for (int i = 0; i < 6; ++i) request.phonemes += "bad dog jumps and runs far away over the hills. ";
        int asked = 0, given = 0;
        if (stop > 0) request.cancelled = [&] { return ++asked > stop; };
        try {
            engine.speak(request, [&](const Spoken&) { ++given; });
        } catch (const Error& error) {
            if (error.fault != Fault::cancelled) throw;
        }
        return given;
    };
    int whole = 0;
    std::thread other([&] {
        for (int stop = 1; stop < 30; stop += 3) speak(stop);
    });
    for (int i = 0; i < 3; ++i) whole += speak(0);
    other.join();
    std::cout << whole << std::endl;
    return whole > 6 ? 0 : 1;
}
