package io.github.kokoronpu;

/** What ends behind a word; a later one is a better place for a cut, and asks for a longer pause. */
public enum Bound {
    GLUE, WORD, CLAUSE, SENTENCE, PARAGRAPH
}
