package io.github.kokoronpu;

/**
 * The words that are spoken for a text as people type it.
 *
 * <pre>{@code
 * SpokenText.of("Dr. No paid $5.99.", "en-us");  // Doctor No paid five dollars and ninety nine cents.
 * }</pre>
 */
public final class SpokenText {
    static {
        NativeLibrary.load();
    }

    private SpokenText() {}

    /**
     * Markup is silent, and numbers, money, dates, abbreviations and signs are words, line by line; a pause stands as
     * {@code [pause:1500ms]}. A text of another language than en-us, en-gb, es, fr-fr, it, pt-br and hi keeps its
     * written forms. Throws {@link KokoroNpuException} where a tag cannot be obeyed.
     */
    public static String of(String text, String language) {
        return of(text, language, "");
    }

    /** The same with a lexicon: one entry per line, a word, then other words or phonemes between slashes. */
    public static String of(String text, String language, String lexicon) {
        return Utf8.text(ofNative(Utf8.bytes(text), Utf8.bytes(language), Utf8.bytes(lexicon)));
    }

    private static native byte[] ofNative(byte[] text, byte[] language, byte[] lexicon);
}
