package io.github.kokoronpu;

import java.util.Iterator;

/** What to say, and how. Immutable: each {@code with} method gives a changed copy. */
public final class SpeechRequest {
    final String text;
    final String phonemes;
    final Iterator<String> pieces;
    final String voice;
    final String language;
    final double speed;
    final long seed;

    private SpeechRequest(
            String text, String phonemes, Iterator<String> pieces, String voice, String language, double speed, long seed) {
        this.text = text;
        this.phonemes = phonemes;
        this.pieces = pieces;
        this.voice = voice;
        this.language = language;
        this.speed = speed;
        this.seed = seed;
    }

    /** A text of any length; the engine needs a phonemizer. */
    public static SpeechRequest ofText(String text) {
        return new SpeechRequest(text, null, null, null, null, 1, 0);
    }

    /** Phonemes of the package's vocabulary. */
    public static SpeechRequest ofPhonemes(String phonemes) {
        return new SpeechRequest(null, phonemes, null, null, null, 1, 0);
    }

    /** A text that is still growing: sentences are spoken when they are complete. The speech's thread waits for pieces. */
    public static SpeechRequest ofPieces(Iterator<String> pieces) {
        return new SpeechRequest(null, null, pieces, null, null, 1, 0);
    }

    /** A voice's name, or a mix such as {@code a:0.7+b:0.3}; by default the first by alphabet. */
    public SpeechRequest withVoice(String name) {
        return new SpeechRequest(text, phonemes, pieces, name, language, speed, seed);
    }

    /** For the phonemizer; by default that of the voice's name. */
    public SpeechRequest withLanguage(String name) {
        return new SpeechRequest(text, phonemes, pieces, voice, name, speed, seed);
    }

    /** 0.5 to 2; 1 is the voice's own. */
    public SpeechRequest withSpeed(double factor) {
        return new SpeechRequest(text, phonemes, pieces, voice, language, factor, seed);
    }

    /** Of the noise in breath and fricatives: same seed, same sound. */
    public SpeechRequest withSeed(long number) {
        return new SpeechRequest(text, phonemes, pieces, voice, language, speed, number);
    }
}
