package io.github.kokoronpu;

import java.util.ArrayList;
import java.util.List;

/**
 * Text without spaces taken apart: behind its marks, and else between its letters; the same as
 * {@code selector/text/unspaced.py}.
 */
final class Unspaced {
    static final String CLOSING = "」』）】》〉〕］｝";
    static final String OPENING = "「『（【《〈〔［｛";
    private static final String FULL_WIDTH_MARKS = "。！？、，；：．｡､";
    private static final String ENDING = FULL_WIDTH_MARKS + ".!?,;:…—";
    private static final String CLOSERS_BEHIND = CLOSING + "”’";

    private Unspaced() {}

    /** The parts of what white space separates; one for a word of a script with spaces. */
    static List<String> parts(String token) {
        int[] all = codePoints(token);
        boolean candidate = false;
        for (int c : all) {
            candidate |= Characters.isUnspaced(c) || FULL_WIDTH_MARKS.indexOf(c) >= 0;
        }
        candidate &= !token.contains("](/"); // [word](/phonemes/) is one word
        List<String> parts = new ArrayList<>();
        int begin = 0;
        for (int at = 1; candidate && at < all.length; at++) {
            if (ends(all, at)) {
                parts.add(new String(all, begin, at - begin));
                begin = at;
            }
        }
        parts.add(new String(all, begin, all.length - begin));
        return parts;
    }

    /** Whether a part ends before {@code token[at]}. */
    private static boolean ends(int[] token, int at) {
        int behind = token[at];
        if (Characters.isUnspaced(token[at - 1])) {
            return Characters.mayBegin(behind) || OPENING.indexOf(behind) >= 0;
        }
        if (ENDING.indexOf(behind) >= 0 || CLOSERS_BEHIND.indexOf(behind) >= 0) {
            return false;
        }
        int end = at; // of the letters, with marks and closing brackets behind them
        while (end > 0 && CLOSERS_BEHIND.indexOf(token[end - 1]) >= 0) {
            end--;
        }
        if (end == 0 || ENDING.indexOf(token[end - 1]) < 0) {
            return false;
        }
        int mark = token[end - 1];
        while (end > 0 && ENDING.indexOf(token[end - 1]) >= 0) {
            end--;
        }
        int letter = end > 0 ? token[end - 1] : ' ';
        if (Characters.isDigit(letter) && Characters.isDigit(behind)) {
            return false;
        }
        boolean begins = Characters.mayBegin(behind) || OPENING.indexOf(behind) >= 0;
        return FULL_WIDTH_MARKS.indexOf(mark) >= 0 || (Characters.isUnspaced(letter) && begins);
    }

    private static int[] codePoints(String text) {
        int[] out = new int[text.codePointCount(0, text.length())];
        for (int i = 0, at = 0; i < out.length; i++) {
            out[i] = text.codePointAt(at);
            at += Character.charCount(out[i]);
        }
        return out;
    }
}
