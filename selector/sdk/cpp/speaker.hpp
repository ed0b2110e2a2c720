// Speaks text chunk by chunk: text -> chunks -> stages -> joined sound, as selector/speak/synthesize.py does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "join.hpp"
#include "phonemes/phonemizer.hpp"
#include "sound_thread.hpp"
#include "split.hpp"
#include "stage_chain.hpp"
#include "words.hpp"

namespace kokoro_npu {

constexpr std::int64_t pads = 2;  // tokens beside the phonemes

// When one symbol sounds, in samples since the beginning of the speech. Pads have an empty symbol.
struct SymbolTime {
    std::string symbol;
    std::int64_t start = 0, end = 0;
};

// One chunk of sound, ready to play: the gap before it included.
struct Spoken {
    std::vector<float> samples;
    std::string text;  // of the chunk; empty for the silence at the end
    std::string text_bucket, sound_bucket;
    std::int64_t tokens = 0;  // pads included
    std::int64_t frames = 0;  // of sound, before the joining
    std::int64_t start = 0;   // of the first sample, in samples since the beginning of the speech
    std::vector<SymbolTime> symbols;
};
using OnSpoken = std::function<void(const Spoken&)>;

struct SpeechSettings {
    Voice voice;
    std::string language;
    double speed = 1;
    std::uint64_t seed = 0;
    // Whether a second thread runs the vocoder while this one runs the other stages for the next chunk. The samples are
    // the same to the bit: no chunk reads what another one computed.
    bool side_by_side = false;
};

// One speech: any number of texts that are joined. For one thread; with `side_by_side` it starts a second one, which is
// done before `say` returns and calls nothing of the app's. When the speech is cancelled, what that thread makes is
// dropped. Memory: the tensors of two chunks instead of one.
class Speaker {
public:
    Speaker(const Package& package, StageChain chain, SpeechSettings settings, Phonemizer phonemize, OnSpoken on_spoken,
            CheckCancelled check);

    // Speaks a text; `ends` is what ends behind it. Throws Error(text): a word is longer than the largest bucket, or a
    // chunk has no symbol of the vocabulary.
    void say(const std::string& text, Bound ends = Bound::paragraph);
    // The same for a text with markup, whose pauses are heard; see docs/text.md. Throws Error(text) also where a tag cannot
    // be obeyed.
    void say_marked(const std::string& text, Bound ends = Bound::paragraph);
    // Gives the silence at the end. Throws Error(text) where nothing was spoken.
    void finish();

private:
    struct Rendered {
        Spoken spoken;
        std::vector<std::int32_t> durations;
        std::vector<std::string> symbols;
        std::u32string said;  // the symbols that have an id
    };
    struct Piece {
        std::string text;
        std::int64_t phonemes = 0, words = 0;
        Bound bound = Bound::paragraph;
    };

    const Package& package_;
    StageChain chain_;
    SpeechSettings settings_;
    Phonemizer phonemize_;
    OnSpoken on_spoken_;
    std::shared_ptr<bool> stopped_;  // by the app: nothing more is given
    CheckCancelled check_;
    Joiner joiner_;
    // The chunk before, whose sound the second thread makes; at most one.
    struct Pending {
        Rendered rendered;
        Bound bound;
        SoundThread sound;
    };
    std::unique_ptr<Pending> pending_;
    std::uint64_t begun_ = 0;  // chunks whose sound was made or is being made
    std::int64_t at_ = 0;      // samples given
    std::string heard_;    // the beginning of what was asked for, for errors

    // Phonemes of a chunk, and of the first one of a text that is split.
    struct ChunkLimits {
        std::int64_t most = 0, first = 0;
    };

    ChunkLimits chunk_limits() const;
    std::int64_t most_phonemes(std::int64_t tokens, std::int64_t frames) const;
    bool free_lengths() const;
    std::vector<Piece> early(const Chunk& chunk, std::int64_t first) const;
    void say_chunks(const std::string& text, Bound ends);
    void check_and_deliver();
    void deliver();
    void say_chunk(const Piece& piece, std::int64_t limit);
    std::int64_t length(std::string_view phonemes) const;
    std::int64_t count(std::string_view text) const;
    std::vector<Piece> split(const std::string& text, const std::function<std::int64_t(std::string_view)>& count,
                             std::int64_t limit) const;
    void fitted(const Piece& piece, std::int64_t limit, std::uint64_t index);
    void one_word(const Piece& piece, const std::string& phonemes, std::int64_t limit, std::uint64_t index, bool whole);
    bool render(const Piece& piece, const std::string& phonemes, std::uint64_t index);
    void give(Rendered rendered, Bound bound, const std::vector<float>& sound);
};

}  // namespace kokoro_npu
