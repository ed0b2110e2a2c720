#include "speaker.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "letters.hpp"
#include "normal_noise.hpp"
#include "split.hpp"
#include "text/markup.hpp"
#include "text/utf8.hpp"

namespace kokoro_npu {
namespace {

[[noreturn]] void nothing_to_say(const std::string& text) {
    throw Error(Fault::text, "text", "at least one word to say", "'" + text.substr(0, 40) + "'",
                "Pass text with words in it.");
}

std::string utf8(char32_t c) { return reading::encoded({&c, 1}); }

}  // namespace

Speaker::Speaker(const Package& package, StageChain chain, SpeechSettings settings, Phonemizer phonemize,
                 OnSpoken on_spoken, CheckCancelled check)
    : package_(package),
      chain_(chain),
      settings_(std::move(settings)),
      phonemize_(std::move(phonemize)),
      on_spoken_(std::move(on_spoken)),
      stopped_(std::make_shared<bool>(false)),
      check_([check = std::move(check), stopped = stopped_] {
          try {
              check();
          } catch (...) {
              *stopped = true;
              throw;
          }
      }),
      joiner_(settings_.speed, package.manifest().sample_rate) {
    try {
        for (const std::string& part : settings_.voice.parts) package_.selector().expected_frames(1, part, settings_.speed);
    } catch (const std::invalid_argument& error) {
        throw Error(Fault::contract, "speed", "a speed of the voice's table, such as 0.5 to 2",
                    std::to_string(settings_.speed), "1 is the voice's own speed.");
    }
}

void Speaker::say(const std::string& text, Bound ends) {
    try {
        say_chunks(text, ends);
    } catch (...) {
        if (!*stopped_) deliver();  // the chunk before what went wrong, as if one thread had made both
        pending_.reset();
        throw;
    }
    deliver();
}

// Gives the pending chunk. Throws what its thread threw.
void Speaker::deliver() {
    const std::unique_ptr<Pending> done = std::move(pending_);
    if (done) give(std::move(done->rendered), done->bound, done->sound.wait(check_));
}

// Between stages of this thread: a pending chunk that is done is given at once, not behind this chunk's stages.
void Speaker::check_and_deliver() {
    check_();
    if (pending_ && pending_->sound.finished()) deliver();
}

void Speaker::say_chunks(const std::string& text, Bound ends) {
    if (heard_.empty()) heard_ = text.substr(0, 40);
    const ChunkLimits limits = chunk_limits();
    const std::int64_t most = limits.most, first = begun_ > 0 ? most : limits.first;
    const auto counting = [this](std::string_view piece) { return count(piece); };
    std::optional<Splitter> chunks;
    try {
        chunks.emplace(text, counting, most, first);
    } catch (const std::invalid_argument&) {
        if (most < 1)
            throw Error(Fault::text, "chunk limit", "at least 1 phoneme", std::to_string(most), "Check bucket and speed.");
        return;  // no words
    }
    const bool at_the_end = ends == Bound::paragraph;  // as every last chunk: nobody need look ahead for it
    std::optional<Chunk> chunk = chunks->next(), next;
    bool begins = free_lengths();
    for (; chunk; chunk = at_the_end ? chunks->next() : std::move(next)) {
        if (!at_the_end) next = chunks->next();
        const Bound bound = at_the_end || next ? chunk->bound : std::min(chunk->bound, ends);
        if (!std::exchange(begins, false)) {
            say_chunk({chunk->text, chunk->phonemes, chunk->words, bound}, most);
            continue;
        }
        std::vector<Piece> parts = early(*chunk, first);
        parts.back().bound = bound;
        for (const Piece& part : parts) say_chunk(part, most);
    }
}

void Speaker::say_marked(const std::string& text, Bound ends) {
    if (heard_.empty()) heard_ = text.substr(0, 40);
    for (const reading::SpokenPassage& passage : reading::read_markup(reading::decoded(text)).passages) {
        say(reading::encoded(passage.text), passage.pause ? Bound::paragraph : ends);
        if (passage.pause) joiner_.rest(*passage.pause);
    }
}

void Speaker::say_chunk(const Piece& piece, std::int64_t limit) {
    if (has_letters(piece.text)) fitted(piece, limit, begun_);  // a line of stars is not spoken
}

// The chunk, or, at free lengths, its beginning and the rest: a listener waits for the beginning only. The cut is behind
// a sentence or a clause, as selector/speak/early.py cuts.
std::vector<Speaker::Piece> Speaker::early(const Chunk& chunk, std::int64_t first) const {
    const Piece whole{chunk.text, chunk.phonemes, chunk.words, chunk.bound};
    if (chunk.phonemes <= first) return {whole};
    const auto parts = split(chunk.text, [this](std::string_view part) { return count(part); }, first);
    if (parts.size() < 2 || parts[0].bound < Bound::clause || parts[0].phonemes > first) return {whole};
    Piece rest = whole;
    rest.text = chunk.text.substr(chunk.text.find_first_not_of(' ', parts[0].text.size()));
    rest.phonemes = count(rest.text);
    rest.words = 0;
    for (std::size_t i = 1; i < parts.size(); ++i) rest.words += parts[i].words;
    return {parts[0], rest};
}

void Speaker::finish() {
    if (begun_ == 0) nothing_to_say(heard_);
    Spoken end;
    end.samples = joiner_.finish();
    end.start = at_;
    at_ += static_cast<std::int64_t>(end.samples.size());
    on_spoken_(end);
}

// As the table counts it, without pads: a run of marks is worth more.
std::int64_t Speaker::length(std::string_view phonemes) const {
    const std::u32string all = code_points(phonemes), marks = code_points(package_.manifest().pause_marks);
    const auto marked = [&](std::size_t i) { return i < all.size() && marks.find(all[i]) != std::u32string::npos; };
    auto sum = static_cast<std::int64_t>(all.size());
    for (std::size_t i = 0; i < all.size(); ++i)
        if (marked(i) && !marked(i + 1)) sum += package_.manifest().pause_tokens;
    return sum;
}

std::int64_t Speaker::count(std::string_view text) const {
    return length(phonemize_(std::string(text), settings_.language));  // 0 for punctuation alone
}

std::vector<Speaker::Piece> Speaker::split(const std::string& text,
                                           const std::function<std::int64_t(std::string_view)>& count,
                                           std::int64_t limit) const {
    std::vector<Piece> out;
    try {
        Splitter chunks(text, count, limit);
        while (const auto chunk = chunks.next()) out.push_back({chunk->text, chunk->phonemes, chunk->words, chunk->bound});
    } catch (const std::invalid_argument&) {
        nothing_to_say(text);
    }
    return out;
}

// Speaks a piece whole if it fits, else its halves, and so on; a single word is cut at its inner spaces.
void Speaker::fitted(const Piece& piece, std::int64_t limit, std::uint64_t index) {
    const std::string phonemes = phonemize_(piece.text, settings_.language);
    if (phonemes.empty()) nothing_to_say(piece.text);
    std::string kept;
    for (const char32_t c : code_points(phonemes))
        if (package_.selector().encode(utf8(c)).size() > 2) kept += utf8(c);
    if (length(kept) <= limit && render(piece, phonemes, index)) return;
    if (piece.words <= 1) return one_word(piece, phonemes, limit, index, true);
    const auto counting = [this](std::string_view part) { return count(part); };
    std::vector<Piece> halves =
        split(piece.text, counting, std::max<std::int64_t>(1, std::min(piece.phonemes * 5 / 8, limit)));
    if (halves.size() == 1) {  // counts that do not add up: cut the words in two
        std::vector<detail::Word> words;
        detail::Words reader(piece.text);
        while (auto word = reader.next()) words.push_back(std::move(*word));
        const auto begin = words.begin(), middle = begin + static_cast<std::ptrdiff_t>(words.size() / 2);
        const Bound between = std::prev(middle)->bound;
        halves.clear();
        for (const auto& [from, to] : {std::pair{begin, middle}, std::pair{middle, words.end()}}) {
            const std::string text = detail::joined_text(from, to);
            halves.push_back({text, count(text), to - from, between});
        }
    }
    for (std::size_t i = 0; i < halves.size(); ++i) {
        if (i + 1 == halves.size()) halves[i].bound = piece.bound;
        if (has_letters(halves[i].text)) fitted(halves[i], limit, index + i * 7919);
    }
}

// Cuts a written word of many spoken ones, such as a long number or an address, between the spoken ones. `phonemes` are
// the whole word's, or (not `whole`) a part of them.
void Speaker::one_word(const Piece& piece, const std::string& phonemes, std::int64_t limit, std::uint64_t index,
                       bool whole) {
    const auto counting = [this](std::string_view part) { return length(part); };
    const auto groups =
        split(phonemes, counting, std::max<std::int64_t>(1, std::min(limit, length(phonemes) * 5 / 8)));
    const bool long_group =
        std::any_of(groups.begin(), groups.end(), [limit](const Piece& group) { return group.phonemes > limit; });
    if (groups.size() == 1 || long_group) {
        const std::string loose = loosened(piece.text);
        if (!whole || loose == piece.text)
            throw Error(Fault::text, "word '" + piece.text.substr(0, 30) + "'",
                        "at most " + std::to_string(limit) + " phonemes at this speed", std::to_string(length(phonemes)),
                        "Spell it as several words, or raise the speed.");
        const auto words = 1 + std::count(loose.begin(), loose.end(), ' ');
        return fitted({loose, count(loose), words, piece.bound}, limit, index);
    }
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const Bound bound = i + 1 == groups.size() ? piece.bound : Bound::word;
        if (!render({i > 0 ? std::string() : piece.text, groups[i].phonemes, 1, bound}, groups[i].text, index + i))
            one_word({piece.text, groups[i].phonemes, 1, bound}, groups[i].text, limit, index + i, false);
    }
}

// One chunk's sound; false if its exact frames fit no bucket, before any sound is made.
bool Speaker::render(const Piece& piece, const std::string& phonemes, std::uint64_t index) {
    const Selector& selector = package_.selector();
    const std::vector<std::int32_t> ids = selector.encode(phonemes);
    const auto tokens = static_cast<std::int64_t>(ids.size());
    if (tokens == pads)
        throw Error(Fault::text, "phonemes", "at least one symbol of the vocabulary", "'" + phonemes.substr(0, 40) + "'",
                    "Check the language, or the phoneme alphabet of the text.");
    if (tokens - pads > package_.manifest().max_phonemes) return false;
    const Bucket* first = nullptr;
    for (const std::string& part : settings_.voice.parts) {
        const Bucket* one = selector.choose(selector.length(ids), part, settings_.speed);
        if (!one) return false;
        if (!first || one > first) first = one;  // the buckets stand in the order of their size
    }
    const float* row = settings_.voice.row(static_cast<std::size_t>(tokens - pads));
    Tensors values = chain_.text_inputs(*first, ids, row, settings_.speed);
    Rendered rendered;
    const auto check = [this] { check_and_deliver(); };
    rendered.durations = chain_.run_text(*first, values, check);
    const std::int64_t frames =
        std::accumulate(rendered.durations.begin(), rendered.durations.end(), std::int64_t{0});
    const Bucket* second = selector.choose_sound(frames, tokens);
    if (!second) return false;
    const std::int64_t drawn = chain_.dynamic(*second) ? frames : second->frames;
    const auto noise = NormalNoise(settings_.seed, index)
                           .take(static_cast<std::size_t>(drawn * package_.manifest().samples_per_frame));
    chain_.prepare_sound(*second, values, tokens, noise, check);
    ++begun_;
    rendered.symbols.emplace_back();
    std::u32string known;
    for (const char32_t c : code_points(phonemes))
        if (selector.encode(utf8(c)).size() > 2) known += c;
    for (const char32_t c : known) rendered.symbols.push_back(utf8(c));
    rendered.symbols.emplace_back();
    rendered.said = known;
    rendered.spoken = {{}, piece.text, first->name, second->name, tokens, frames, 0, {}};
    if (settings_.side_by_side) {
        const auto kept = std::make_shared<Tensors>(std::move(values));
        auto work = [chain = chain_, second, frames, kept](const CheckCancelled& stage) {
            return chain.render_sound(*second, *kept, frames, stage);
        };
        const std::unique_ptr<Pending> before = std::move(pending_);
        const std::vector<float> sound = before ? before->sound.wait(check_) : std::vector<float>();
        pending_.reset(new Pending{std::move(rendered), piece.bound, SoundThread(std::move(work))});
        if (before) give(std::move(before->rendered), before->bound, sound);  // the next sound is begun by now
        return true;
    }
    const auto sound = chain_.render_sound(*second, values, frames, check_);
    check_();
    give(std::move(rendered), piece.bound, sound);
    return true;
}

void Speaker::give(Rendered rendered, Bound bound, const std::vector<float>& sound) {
    const std::vector<std::int64_t> frames(rendered.durations.begin(), rendered.durations.end());
    const auto said = phonemes_at(rendered.said, frames, package_.manifest().samples_per_frame);
    Joiner::Joined joined = joiner_.push(sound, bound, said);
    Spoken& spoken = rendered.spoken;
    spoken.start = at_;
    std::int64_t at = at_ + joined.chunk_at;
    for (std::size_t i = 0; i < rendered.durations.size() && i < rendered.symbols.size(); ++i) {
        const std::int64_t end = at + rendered.durations[i] * package_.manifest().samples_per_frame;
        spoken.symbols.push_back({rendered.symbols[i], std::max(at, at_), std::max(end, at_)});
        at = end;
    }
    spoken.samples = std::move(joined.samples);
    at_ += static_cast<std::int64_t>(spoken.samples.size());
    try {
        on_spoken_(spoken);
    } catch (...) {
        *stopped_ = true;
        throw;
    }
}

}  // namespace kokoro_npu
