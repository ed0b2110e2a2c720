package io.github.kokoronpu;

import java.util.List;

/** One word with its punctuation, and what ends behind it. */
final class Word {
    final String text;
    final Bound bound;
    /** In code points. */
    final int length;
    /** Whether a space separates it from the next. */
    final boolean spaced;
    /** Whether it is the last of a paragraph, or of a line that is spoken for itself. */
    final boolean endsChunk;

    Word(String text, Bound bound, boolean spaced, boolean endsChunk) {
        this.text = text;
        this.bound = bound;
        this.spaced = spaced;
        this.endsChunk = endsChunk;
        this.length = text.codePointCount(0, text.length());
    }

    /** The text of words that follow each other. */
    static String textOf(List<Word> run) {
        StringBuilder text = new StringBuilder();
        for (Word word : run) {
            text.append(word.text).append(word.spaced ? " " : "");
        }
        text.setLength(text.length() - (run.get(run.size() - 1).spaced ? 1 : 0));
        return text.toString();
    }

    /** How long that text is, in code points. */
    static long lengthOf(List<Word> run) {
        long length = run.get(run.size() - 1).spaced ? -1 : 0;
        for (Word word : run) {
            length += word.length + (word.spaced ? 1 : 0);
        }
        return length;
    }
}
