package io.github.kokoronpu;

/** A piece of text to speak at once. */
public final class Chunk {
    /** Its words, one space between them. */
    public final String text;
    /** Counted over its parts and the spaces between them; beyond the limit only for one word that is longer itself. */
    public final long phonemes;
    /** How many words. */
    public final int words;
    /** What ends behind it. */
    public final Bound bound;

    Chunk(String text, long phonemes, int words, Bound bound) {
        this.text = text;
        this.phonemes = phonemes;
        this.words = words;
        this.bound = bound;
    }

    @Override
    public String toString() {
        return text;
    }
}
