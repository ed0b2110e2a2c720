package io.github.kokoronpu;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** One chunk of sound, ready to play: mono float samples, the gap before it included. */
public final class Spoken {
    /** When a symbol or a word sounds, in samples since the beginning of the speech. */
    public static final class Time {
        public final String text;
        public final long start;
        public final long end;

        Time(String text, long start, long end) {
            this.text = text;
            this.start = start;
            this.end = end;
        }
    }

    public final float[] samples;
    /** The text of the chunk; empty for the silence at the end. */
    public final String text;
    /** Of the first sample, in samples since the beginning of the speech. */
    public final long start;
    /** Phonemes in order, by the duration stage; pads have an empty text. */
    public final List<Time> symbols;

    Spoken(float[] samples, String text, long start, String symbols, long[] times) {
        this.samples = samples;
        this.text = text;
        this.start = start;
        List<Time> told = new ArrayList<>();
        String[] each = symbols.split("\n", -1);
        for (int i = 0; 2 * i < times.length; i++) told.add(new Time(each[i], times[2 * i], times[2 * i + 1]));
        this.symbols = Collections.unmodifiableList(told);
    }

    /** Words in order. A word's text is as it was written where the phonemes have as many words, else its phonemes. */
    public List<Time> words() {
        List<Time> spelled = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        long begins = 0, ends = 0;
        for (Time symbol : symbols) {
            boolean between = symbol.text.isEmpty() || symbol.text.equals(" ");
            if (between && word.length() > 0) {
                spelled.add(new Time(word.toString(), begins, ends));
                word.setLength(0);
            }
            if (between) continue;
            if (word.length() == 0) begins = symbol.start;
            word.append(symbol.text);
            ends = symbol.end;
        }
        if (word.length() > 0) spelled.add(new Time(word.toString(), begins, ends));
        String[] written = text.trim().split("\\s+");
        if (written.length != spelled.size()) return spelled;
        List<Time> words = new ArrayList<>();
        for (int i = 0; i < written.length; i++) words.add(new Time(written[i], spelled.get(i).start, spelled.get(i).end));
        return words;
    }
}
