package io.github.kokoronpu;

import java.io.Closeable;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A phonemizer that the native library brings. Any number of threads may use it at once. A lexicon is text with a word and
 * how to say it per line, such as {@code SQL sequel} or {@code Kokoro /kˈOkəɹO/}. Errors are {@link KokoroNpuException}.
 */
public final class BuiltinPhonemizer implements Phonemizer, Closeable {
    static {
        KokoroNpu.load();
    }

    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private long handle;

    private BuiltinPhonemizer(String name, String data, String library, String lexicon) {
        handle = openNative(Utf8.bytes(name), Utf8.bytes(data), Utf8.bytes(library), Utf8.bytes(lexicon));
    }

    /** English by dictionaries and a model; the folder holds en-us.bin, en-gb.bin or both. */
    public static BuiltinPhonemizer english(String folder) {
        return english(folder, null);
    }

    /** English, with words of the app's own. */
    public static BuiltinPhonemizer english(String folder, String lexicon) {
        return new BuiltinPhonemizer("english", folder, null, lexicon);
    }

    /**
     * The languages of espeak-ng, whose license is the GPL: the app brings the library and its folder espeak-ng-data.
     * Japanese and Chinese are refused.
     */
    public static BuiltinPhonemizer espeak(String library, String data) {
        return espeak(library, data, null);
    }

    /** The languages of espeak-ng, with words of the app's own. */
    public static BuiltinPhonemizer espeak(String library, String data, String lexicon) {
        return new BuiltinPhonemizer("espeak", data, library, lexicon);
    }

    @Override
    public String phonemize(String text, String language) {
        lock.readLock().lock();
        try {
            if (handle == 0)
                throw new KokoroNpuException(
                        KokoroNpuException.Kind.CANCELLED, "phonemizer", "an open one", "a closed one", "Open another.");
            return Utf8.text(sayNative(handle, Utf8.bytes(text), Utf8.bytes(language)));
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Frees it, when no thread uses it any more. */
    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (handle != 0) closeNative(handle);
            handle = 0;
        } finally {
            lock.writeLock().unlock();
        }
    }

    private static native long openNative(byte[] name, byte[] data, byte[] library, byte[] lexicon);

    private static native byte[] sayNative(long handle, byte[] text, byte[] language);

    private static native void closeNative(long handle);
}
