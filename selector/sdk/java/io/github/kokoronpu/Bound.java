package io.github.kokoronpu;

/**
 * What ends behind a word; a later one is a better place for a cut, and asks for a longer pause. Inside a text without
 * spaces nothing ends.
 */
public enum Bound {
    INSIDE, GLUE, WORD, CLAUSE, SENTENCE, PARAGRAPH
}
