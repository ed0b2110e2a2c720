// kokoro_npu_probe PACKAGE PLUGIN THREADS: runs each NPU stage of a package once on the CPU and twice on the NPU, with
// the package's golden sentence in its shortest bucket, and prints a line for each; see probe_verdict.hpp.
//
// The engine starts it in a process of its own. In an Android app, ship it as lib/<abi>/libkokoro_npu_probe.so, the one
// folder from which an app may run programs, and pass its path.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>

#include "engine.hpp"
#include "normal_noise.hpp"
#include "probe_verdict.hpp"

using namespace kokoro_npu;

namespace {

template <typename Work>
double milliseconds(Work work) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

// Signal against difference; 200 where equal, -200 where there is no number or another shape.
double decibels(const Ort::Value& wanted, const Ort::Value& got) {
    const auto info = wanted.GetTensorTypeAndShapeInfo();
    if (info.GetShape() != got.GetTensorTypeAndShapeInfo().GetShape()) return -200;
    const auto* a = wanted.GetTensorData<float>();
    const auto* b = got.GetTensorData<float>();
    double signal = 0, noise = 0;
    for (std::size_t i = 0; i < info.GetElementCount(); ++i) {
        const double x = a[i], y = b[i];
        signal += x * x;
        noise += (x - y) * (x - y);
    }
    if (!std::isfinite(signal) || !std::isfinite(noise)) return -200;
    return noise == 0 ? 200 : 10 * std::log10(std::max(signal, 1e-30) / noise);
}

StageProbe probe(const StageChain& chain, const StageContract& stage, const Bucket& bucket, Tensors& values, double floor) {
    StageProbe one{stage.name, 200, floor, 0, 0};
    chain.run(stage, bucket, false, values);
    one.cpu_ms = milliseconds([&] { chain.run(stage, bucket, false, values); });
    Tensors wanted;
    for (const Port& port : stage.outputs) wanted[port.name] = std::move(values[port.name]);
    chain.run(stage, bucket, true, values);  // loads, and warms up
    one.npu_ms = milliseconds([&] { chain.run(stage, bucket, true, values); });
    for (const Port& port : stage.outputs) {
        if (!port.integers)
            one.decibels = std::min(one.decibels, decibels(wanted[port.name].value, values[port.name].value));
        values[port.name] = std::move(wanted[port.name]);  // the next stages judge themselves, not this one
    }
    return one;
}

void probe_all(const Package& package, const std::string& plugin, int threads) {
    const Manifest& manifest = package.manifest();
    SessionPool pool(package, {threads, 0, plugin});
    Placement placement({false, ""});
    const StageChain chain(package, pool, placement);
    const Bucket& bucket = package.selector().buckets().front();
    const auto ids = package.selector().encode(manifest.golden.phonemes);
    const Voice voice = package.voice(manifest.golden.voice);
    Tensors values = chain.text_inputs(bucket, ids, voice.row(ids.size() - 2), manifest.golden.speed);
    const auto count = static_cast<std::size_t>(bucket.frames * manifest.samples_per_frame);
    const auto noise = NormalNoise(manifest.golden.seed, 0).take(count);
    values["noise"] = tensor_of(noise.data(), count, {1, static_cast<std::int64_t>(count)}, false);
    for (const StageContract& stage : manifest.stages) {
        if (!stage.on_npu) {
            chain.run(stage, bucket, false, values);
            continue;
        }
        const auto floor = manifest.golden.floors.find(stage.name);
        const double wanted = floor == manifest.golden.floors.end() ? 200 : floor->second;
        std::cout << probe_line(probe(chain, stage, bucket, values, wanted)) << std::endl;
    }
}

}  // namespace

int main(int count, char** arguments) {
    try {
        if (count != 4) throw std::runtime_error("expected PACKAGE PLUGIN THREADS");
        probe_all(Package(arguments[1], false), arguments[2], std::stoi(arguments[3]));
        return 0;
    } catch (const std::exception& error) {
        std::cout << "REFUSED " << error.what() << std::endl;
        return 1;
    }
}
