package io.github.kokoronpu;

/** Makes phonemes of the package's vocabulary from text. The thread that speaks calls it, for one text at a time. */
public interface Phonemizer {
    /** The phonemes of a piece of text; empty where there is nothing to say. */
    String phonemize(String text, String language);
}
