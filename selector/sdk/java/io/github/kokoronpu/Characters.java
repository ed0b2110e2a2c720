package io.github.kokoronpu;

/**
 * Kinds of characters, written out: a device's own tables follow its Unicode version.
 *
 * <p>The same ranges (first, last, step) as in Python and C++; the shared vectors probe their ends.
 */
final class Characters {
    private static final int[] LOWER = {
        0x61, 0x7A, 1, 0xB5, 0xB5, 1, 0xDF, 0xF6, 1, 0xF8, 0xFF, 1, 0x101, 0x137, 2, 0x138, 0x148, 2, 0x149, 0x177, 2,
        0x17A, 0x17E, 2, 0x17F, 0x17F, 1, 0x1A1, 0x1A1, 1, 0x1B0, 0x1B0, 1, 0x1CE, 0x1DC, 2, 0x1F9, 0x233, 2,
        0x390, 0x390, 1, 0x3AC, 0x3CE, 1, 0x430, 0x45F, 1, 0x461, 0x481, 2, 0x48B, 0x4BF, 2, 0x4C2, 0x4CE, 2,
        0x4CF, 0x52F, 2, 0x1E01, 0x1E95, 2, 0x1E96, 0x1E9D, 1, 0x1E9F, 0x1EFF, 2};
    private static final int[] UPPER = {
        0x41, 0x5A, 1, 0xC0, 0xD6, 1, 0xD8, 0xDE, 1, 0x100, 0x136, 2, 0x139, 0x147, 2, 0x14A, 0x178, 2,
        0x179, 0x17D, 2, 0x1A0, 0x1A0, 1, 0x1AF, 0x1AF, 1, 0x1CD, 0x1DB, 2, 0x1F8, 0x232, 2, 0x386, 0x386, 1,
        0x388, 0x38A, 1, 0x38C, 0x38C, 1, 0x38E, 0x38F, 1, 0x391, 0x3A1, 1, 0x3A3, 0x3AB, 1, 0x400, 0x42F, 1,
        0x460, 0x480, 2, 0x48A, 0x4C0, 2, 0x4C1, 0x4CD, 2, 0x4D0, 0x52E, 2, 0x1E00, 0x1E94, 2, 0x1E9E, 0x1EFE, 2};
    private static final int[] DIGIT = {
        0x30, 0x39, 1, 0x660, 0x669, 1, 0x6F0, 0x6F9, 1, 0x966, 0x96F, 1, 0xFF10, 0xFF19, 1};
    private static final int[] MARK = {
        0x300, 0x36F, 1};
    private static final int[] VANISHING = {
        0xAD, 0xAD, 1, 0x61C, 0x61C, 1, 0x180E, 0x180E, 1, 0x200B, 0x200F, 1, 0x202A, 0x202E, 1, 0x2060, 0x206F, 1,
        0xFEFF, 0xFEFF, 1, 0xFFF9, 0xFFFB, 1, 0xE0000, 0xE007F, 1};
    private static final int[] BLANK = {
        0x0, 0x9, 1, 0xB, 0x20, 1, 0x7F, 0xA0, 1, 0x1680, 0x1680, 1, 0x2000, 0x200A, 1, 0x2028, 0x2029, 1,
        0x202F, 0x202F, 1, 0x205F, 0x205F, 1, 0x3000, 0x3000, 1, 0xD800, 0xF8FF, 1, 0xF0000, 0x10FFFF, 1};
    private static final int[] UNSPACED = {
        0x3005, 0x3007, 1, 0x3041, 0x3096, 1, 0x309D, 0x309E, 1, 0x30A1, 0x30FA, 1, 0x30FC, 0x30FE, 1, 0x31F0, 0x31FF, 1,
        0x3400, 0x4DBF, 1, 0x4E00, 0x9FFF, 1, 0xF900, 0xFAFF, 1, 0xFF66, 0xFF9F, 1, 0x20000, 0x3FFFD, 1};
    private static final int[] NEVER_FIRST = {
        0x3005, 0x3005, 1, 0x3041, 0x3049, 2, 0x3063, 0x3063, 1, 0x3083, 0x3087, 2, 0x308E, 0x308E, 1, 0x3095, 0x3096, 1,
        0x309D, 0x309E, 1, 0x30A1, 0x30A9, 2, 0x30C3, 0x30C3, 1, 0x30E3, 0x30E7, 2, 0x30EE, 0x30EE, 1, 0x30F5, 0x30F6, 1,
        0x30FC, 0x30FE, 1, 0x31F0, 0x31FF, 1, 0xFF67, 0xFF70, 1, 0xFF9E, 0xFF9F, 1};

    private Characters() {}

    /** A letter of a script without spaces between words. */
    static boolean isUnspaced(int c) {
        return in(UNSPACED, c);
    }

    /** A letter that a piece of such a text may begin with. */
    static boolean mayBegin(int c) {
        return in(UNSPACED, c) && !in(NEVER_FIRST, c);
    }

    /** What ends a line; a carriage return before a line's end belongs to it. */
    static boolean endsLine(int c) {
        return c == '\n' || c == 0xB || c == '\r' || c == 0x85 || c == 0x2028;
    }

    /** What ends a paragraph. */
    static boolean endsParagraph(int c) {
        return c == '\f' || c == 0x2029;
    }

    static boolean isLower(int c) {
        return in(LOWER, c);
    }

    static boolean isUpper(int c) {
        return in(UPPER, c);
    }

    static boolean isDigit(int c) {
        return in(DIGIT, c);
    }

    static boolean isMark(int c) {
        return in(MARK, c);
    }

    /** A format character, such as a soft hyphen: it is left out. */
    static boolean vanishes(int c) {
        return in(VANISHING, c);
    }

    /** A space, a control, half a pair, a private character: it is a space. A line's end is not one of them. */
    static boolean isBlank(int c) {
        return in(BLANK, c);
    }

    private static boolean in(int[] ranges, int c) {
        for (int i = 0; i < ranges.length; i += 3) {
            if (c >= ranges[i] && c <= ranges[i + 1] && (c - ranges[i]) % ranges[i + 2] == 0) {
                return true;
            }
        }
        return false;
    }
}
