package io.github.kokoronpu;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The words of a text in order, and what ends behind each. A blank line ends a paragraph; a line's end is a pause, unless
 * the line was wrapped.
 */
final class Words {
    private static final String OPENERS = "\"'‘“«([{*_" + Unspaced.OPENING;
    private static final String CLOSERS = "\"'’”»)]}*_" + Unspaced.CLOSING;
    private static final String SENTENCE_END = ".!?…。！？।．｡";
    private static final String CLAUSE_END = ",;:，、；：､—–";
    private static final Set<String> BEFORE_A_NAME = set(
            "mr mrs ms mx dr prof st sr sra messrs mme mlle gen col maj capt cpt lt sgt cpl pvt adm cmdr rev hon pres "
            + "gov sen rep supt insp det vs v cf viz");
    private static final Set<String> BEFORE_A_NUMBER = set(
            "no nos nr fig figs p pp vol vols ch chs sec sect art eq ca c approx");
    private static final Set<String> MAY_END = set(
            "etc inc ltd co corp jr esq al ave blvd rd ft in oz lb dept est govt min max jan feb mar apr jun jul aug "
            + "sep sept oct nov dec mon tue wed thu fri sat sun");
    private static final Set<String> SCALES = set(
            "hundred thousand million billion trillion percent dollars euros pounds");
    private static final Pattern ITEM = Pattern.compile("[-*+•‣◦·]|[0-9]{1,2}[.)]");
    private static final int WRAPPED = 45; // characters of a line: shorter ones end on purpose
    private static final int LONGEST_WRAPPED = 120; // longer ones nobody wraps
    private static final int END = -1;

    private final String text;
    private int at;
    private int after;
    private String word = "";
    /** Whether {@link #word} begins a sentence. */
    private boolean starts = true;
    /** Of the token that is read. */
    private List<String> parts = Collections.emptyList();
    private int next;
    /** Whether the token marks an item of a list. */
    private boolean item;
    /** Whether a line ends behind {@link #word}. */
    private boolean lineEnds;
    /** Of the line of {@link #word}, as far as it is read. */
    private int length;

    Words(String text) {
        this.text = text;
    }

    /** The next word; null at the end. */
    Word next() {
        while (true) {
            if (next == parts.size()) {
                String token = token();
                if (token.equals("\n")) {
                    lineEnds = true;
                    continue;
                }
                if (token.isEmpty() || token.equals("\f")) {
                    String last = word;
                    word = "";
                    starts = true;
                    lineEnds = false;
                    length = 0;
                    if (!last.isEmpty()) {
                        return new Word(last, Bound.PARAGRAPH, true, true);
                    }
                    if (token.isEmpty()) {
                        return null;
                    }
                    continue;
                }
                parts = Unspaced.parts(token);
                next = 0;
                item = ITEM.matcher(token).matches();
            }
            boolean first = next == 0;
            String part = parts.get(next++);
            Word out = word.isEmpty() ? null : ended(part, first);
            if (lineEnds) {
                length = 0;
                lineEnds = false;
            }
            length += part.codePointCount(0, part.length()) + (first ? 1 : 0);
            word = part;
            if (out != null) {
                return out;
            }
        }
    }

    /** {@link #word}, before {@code part}, which is the first of its token or not. */
    private Word ended(String part, boolean first) {
        Bound bound = between(word, part);
        String said = word;
        boolean endsLine = first && lineEnds && (length < WRAPPED || length > LONGEST_WRAPPED || item);
        if (!first) {
            bound = bound.compareTo(Bound.CLAUSE) >= 0 ? bound : Bound.INSIDE;
        } else if (endsLine) {
            String bare = rightStripped(word, CLOSERS);
            if (bare.isEmpty() || rightStripped(bare, SENTENCE_END).length() < bare.length()) {
                bound = Bound.SENTENCE;
            } else if (endsClause(bare)) {
                bound = bound.compareTo(Bound.CLAUSE) >= 0 ? bound : Bound.CLAUSE;
            } else { // a full stop, so that the pause is heard inside a chunk
                said += Characters.isUnspaced(bare.codePointBefore(bare.length())) ? "。" : ".";
                bound = Bound.SENTENCE;
            }
        }
        starts = bound.compareTo(Bound.SENTENCE) >= 0;
        return new Word(said, bound, first, endsLine && starts);
    }

    /** A word, "\n" for the end of a line, or "\f" for a blank line; empty at the end. */
    private String token() {
        while (true) {
            int c = peek();
            if (c == END) {
                return "";
            }
            if (c == '\n' || c == '\f') {
                at = after;
                if (c == '\f') {
                    return "\f";
                }
                for (c = peek(); c == ' '; c = peek()) {
                    at = after;
                }
                if (c != '\n' && c != '\f') {
                    return "\n";
                }
                at = after;
                return "\f";
            }
            StringBuilder out = new StringBuilder();
            for (; c != END && c != ' ' && c != '\n' && c != '\f'; c = peek()) {
                out.appendCodePoint(c);
                at = after;
            }
            if (out.length() > 0) {
                return out.toString();
            }
            at = after;
        }
    }

    /** The cleaned character at {@link #at}, which moves over what vanishes; {@link #after} is where the next begins. */
    private int peek() {
        for (; at < text.length(); at = after) {
            int c = text.codePointAt(at);
            after = at + Character.charCount(c);
            if (c == '\r' && after < text.length() && text.charAt(after) == '\n') {
                continue;
            }
            if (Characters.endsLine(c)) {
                return '\n';
            }
            if (Characters.endsParagraph(c)) {
                return '\f';
            }
            if (!Characters.vanishes(c)) {
                return Characters.isBlank(c) ? ' ' : c;
            }
        }
        return END;
    }

    private Bound between(String word, String following) {
        String bare = rightStripped(word, CLOSERS);
        String after = leftStripped(following, OPENERS);
        boolean capital = after.isEmpty() || !Characters.isLower(after.codePointAt(0));
        String end = bare.substring(rightStripped(bare, SENTENCE_END).length());
        if (end.equals(".")) {
            return afterDot(leftStripped(bare, OPENERS), bare.length() < word.length(), after, capital);
        }
        if (!end.isEmpty()) {
            return capital ? Bound.SENTENCE : Bound.CLAUSE;
        }
        if (endsClause(bare)) {
            return digits(bare) && digits(after) && bare.endsWith(",") ? Bound.GLUE : Bound.CLAUSE;
        }
        if (after.equals("—") || after.equals("–") || isDash(after)) {
            return Bound.GLUE;
        }
        String unit = rightStripped(after, ".,;:!?");
        int length = unit.codePointCount(0, unit.length());
        boolean counted = startsWithDigit(unit) || (length > 0 && length <= 3) || SCALES.contains(key(unit));
        return digits(bare) && counted ? Bound.GLUE : Bound.WORD;
    }

    private Bound afterDot(String bare, boolean closed, String after, boolean capital) {
        String core = bare.substring(0, bare.length() - 1);
        String key = key(core);
        if (BEFORE_A_NAME.contains(key) || (BEFORE_A_NUMBER.contains(key) && startsWithDigit(after))) {
            return Bound.GLUE;
        }
        if (starts && isNumber(core)) {
            return Bound.GLUE; // 1. the first item of a list
        }
        int letters = initials(bare);
        if (letters > 0 && !key.equals("i")) {
            return closed && capital ? Bound.SENTENCE : letters == 1 ? Bound.GLUE : Bound.WORD;
        }
        if (!capital) {
            return Bound.WORD; // an abbreviation that no list knows
        }
        boolean upper = !after.isEmpty() && Characters.isUpper(after.codePointAt(0));
        return !MAY_END.contains(key) || upper ? Bound.SENTENCE : Bound.WORD;
    }

    /** A letter and a dot, once or more often (J., U.S., e.g.): how often, or 0. All of them are single chars. */
    private static int initials(String word) {
        int dots = 0;
        for (int i = 0; i < word.length(); i++, dots++) {
            if (!Characters.isLower(word.charAt(i)) && !Characters.isUpper(word.charAt(i))) {
                return 0;
            }
            do {
                i++;
            } while (i < word.length() && Characters.isMark(word.charAt(i)));
            if (i >= word.length() || word.charAt(i) != '.') {
                return 0;
            }
        }
        return dots;
    }

    private static boolean endsClause(String bare) {
        return !bare.isEmpty() && (CLAUSE_END.indexOf(bare.charAt(bare.length() - 1)) >= 0 || isDash(bare));
    }

    private static boolean isDash(String word) {
        return word.equals("-") || word.equals("--");
    }

    private static boolean isNumber(String word) {
        for (int i = 0; i < word.length(); i++) {
            if (!Characters.isDigit(word.charAt(i))) {
                return false;
            }
        }
        return !word.isEmpty();
    }

    private static boolean startsWithDigit(String word) {
        return !word.isEmpty() && Characters.isDigit(word.codePointAt(0));
    }

    private static boolean digits(String word) { // 5, $5, -5
        return startsWithDigit(word)
                || (!word.isEmpty() && startsWithDigit(word.substring(word.offsetByCodePoints(0, 1))));
    }

    /** As the lists have it; they hold ASCII only. */
    private static String key(String word) {
        for (int i = 0; i < word.length(); i++) {
            if (word.charAt(i) > '~') {
                return "";
            }
        }
        return word.toLowerCase(Locale.ROOT);
    }

    private static String leftStripped(String word, String marks) {
        int from = 0;
        while (from < word.length() && marks.indexOf(word.charAt(from)) >= 0) {
            from++;
        }
        return word.substring(from);
    }

    private static String rightStripped(String word, String marks) {
        int to = word.length();
        while (to > 0 && marks.indexOf(word.charAt(to - 1)) >= 0) {
            to--;
        }
        return word.substring(0, to);
    }

    private static Set<String> set(String words) {
        return new HashSet<>(Arrays.asList(words.split(" ")));
    }
}
