package io.github.kokoronpu;

import java.util.ArrayList;
import java.util.List;

/** The largest piece of a text that the splitter does not cut for its own sake. */
final class Atom {
    final List<Word> run;
    final long phonemes;

    Atom(List<Word> run, long phonemes) {
        this.run = new ArrayList<>(run);
        this.phonemes = phonemes;
    }

    Bound bound() {
        return run.get(run.size() - 1).bound;
    }

    /** Phonemes of the space behind it. */
    int space() {
        return run.get(run.size() - 1).spaced ? 1 : 0;
    }
}
