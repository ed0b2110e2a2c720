#include "engine.hpp"

#include <atomic>
#include <utility>

#include "choose_provider.hpp"
#include "fused_choice.hpp"
#include "growing_text.hpp"

namespace kokoro_npu {

struct Engine::State {
    Package package;
    Placement placement;
    SessionPool pool;
    OperatorChoice operators;
    SideBySide side_by_side;
    std::atomic<bool> closed{false};

    State(const std::string& folder, const EngineOptions& options)
        : package(folder, options.check_hashes),
          placement(choose_provider(package, options)),
          pool(package, {options.threads, options.memory_limit, options.plugin}),
          operators(choose_operators(package, options, pool)),
          side_by_side(options.side_by_side) {}
};

namespace {

[[noreturn]] void stopped(const char* got) {
    throw Error(Fault::cancelled, "speech", "to go on", got, "Speak again.");
}

// One speech of a state; sessions beyond the memory limit are closed between its stages.
Speaker speaker_of(const std::shared_ptr<Engine::State>& state, const SpeechRequest& request, OnSpoken on_spoken,
                   Phonemizer phonemize) {
    SpeechSettings settings;
    const std::string voice = request.voice.empty() ? state->package.first_voice() : request.voice;
    settings.voice = state->package.voice(voice);
    settings.language = request.language.empty() ? language_of(settings.voice.parts.front()) : request.language;
    settings.speed = request.speed;
    settings.seed = request.seed;
    settings.side_by_side = state->side_by_side == SideBySide::always ||
                            (state->side_by_side == SideBySide::automatic && state->placement.npu());
    const auto check = [state, cancelled = request.cancelled] {
        state->pool.trim();
        if (state->closed) stopped("a closed engine");
        if (cancelled && cancelled()) stopped("a wish to stop");
    };
    return Speaker(state->package, StageChain(state->package, state->pool, state->placement), std::move(settings),
                   std::move(phonemize), std::move(on_spoken), check);
}

Phonemizer phonemizer_of(const SpeechRequest& request) {
    if (request.phonemize) return request.phonemize;
    throw Error(Fault::text, "phonemizer", "a phonemizer for a text", "none", "Pass one, or phonemes instead of a text.");
}

std::string as_they_are(const std::string& phonemes, const std::string&) { return phonemes; }

}  // namespace

Engine::Engine(const std::string& folder, EngineOptions options) : state_(std::make_shared<State>(folder, options)) {}
Engine::~Engine() { close(); }
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&& other) noexcept {
    if (this != &other) close();
    state_ = std::move(other.state_);
    return *this;
}

const std::shared_ptr<Engine::State>& Engine::opened() const {
    if (!state_) throw Error(Fault::cancelled, "engine", "an open one", "a closed one", "Open the package again.");
    return state_;
}

void Engine::speak(const SpeechRequest& request, const OnSpoken& on_spoken) const {
    const std::shared_ptr<State> state = opened();
    if (request.text.empty() == request.phonemes.empty() && !request.text.empty())
        throw Error(Fault::text, "request", "a text or phonemes", "both", "Leave one of them empty.");
    const bool spelled = !request.phonemes.empty();
    Speaker speaker = speaker_of(state, request, on_spoken, spelled ? as_they_are : phonemizer_of(request));
    if (spelled) speaker.say(request.phonemes);
    else speaker.say_marked(request.text);
    speaker.finish();
    state->pool.trim();
}

const Manifest& Engine::manifest() const { return opened()->package.manifest(); }
std::size_t Engine::open_sessions() const { return opened()->pool.open_sessions(); }
std::string Engine::report() const {
    const auto& state = opened();
    return placement_report(state->package, state->placement, state->operators, state->pool.open_sessions());
}

void Engine::close() {
    if (!state_) return;
    state_->closed = true;
    state_.reset();
}

struct Speech::Parts {
    std::shared_ptr<Engine::State> state;
    Speaker speaker;
    GrowingText text;
};

Speech::Speech(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Speech::Speech(Speech&&) noexcept = default;
Speech::~Speech() = default;

Speech Engine::begin(const SpeechRequest& request, OnSpoken on_spoken) const {
    const std::shared_ptr<State> state = opened();
    Speaker speaker = speaker_of(state, request, std::move(on_spoken), phonemizer_of(request));
    return Speech(std::make_unique<Speech::Parts>(Speech::Parts{state, std::move(speaker), {}}));
}

void Speech::push(const std::string& piece) {
    const GrowingText::Complete complete = parts_->text.push(piece);
    if (!complete.text.empty()) parts_->speaker.say_marked(complete.text, complete.ends);
}

void Speech::finish() {
    parts_->speaker.say_marked(parts_->text.flush());
    parts_->speaker.finish();
}

std::string language_of(const std::string& voice) {
    static const std::map<char, std::string> languages = {{'a', "en-us"}, {'b', "en-gb"}, {'e', "es"},   {'f', "fr-fr"},
                                                          {'h', "hi"},    {'i', "it"},    {'p', "pt-br"}};
    const bool named = voice.size() > 2 && (voice[1] == 'f' || voice[1] == 'm') && voice[2] == '_';
    const auto found = languages.find(voice.empty() ? ' ' : voice[0]);
    return named && found != languages.end() ? found->second : "en-us";
}

}  // namespace kokoro_npu
