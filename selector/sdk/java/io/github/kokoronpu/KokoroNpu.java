package io.github.kokoronpu;

import java.io.Closeable;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * An opened package that speaks.
 *
 * <pre>{@code
 * try (KokoroNpu npu = KokoroNpu.open(folder, phonemizer)) {
 *     for (Spoken chunk : npu.speak("Hello.")) play(chunk.samples);
 * }
 * }</pre>
 *
 * In Kotlin, {@code npu.speak("…").asFlow()} of kotlinx.coroutines makes a Flow of a speech. Several speeches may be made
 * at once. Errors are {@link KokoroNpuException}. The native library is {@code libkokoro_npu.so}, with ONNX Runtime's
 * library beside it; the system property {@code kokoro_npu.library} names another path.
 */
public final class KokoroNpu implements Closeable {
    static {
        NativeLibrary.load();
    }

    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private final Phonemizer phonemizer;
    private volatile boolean closing;
    private long handle;

    private KokoroNpu(long handle, Phonemizer phonemizer) {
        this.handle = handle;
        this.phonemizer = phonemizer;
    }

    /** Opens a package for phonemes. */
    public static KokoroNpu open(String folder) {
        return open(folder, null, new EngineOptions());
    }

    /** Opens a package for texts. */
    public static KokoroNpu open(String folder, Phonemizer phonemizer) {
        return open(folder, phonemizer, new EngineOptions());
    }

    /** Opens a package and checks its files. */
    public static KokoroNpu open(String folder, Phonemizer phonemizer, EngineOptions options) {
        byte[][] paths = {
            Utf8.bytes(options.plugin), Utf8.bytes(options.probeProgram), Utf8.bytes(options.cacheFolder),
            Utf8.bytes(options.opsLibrary)
        };
        long handle = openNative(
                Utf8.bytes(folder), options.memoryLimit, options.threads, options.provider.ordinal(),
                options.skipHashes, paths[0], paths[1], paths[2], options.stockOperators, paths[3]);
        return new KokoroNpu(handle, phonemizer);
    }

    /** Speaks a text with the first voice. */
    public Speech speak(String text) {
        return speak(SpeechRequest.ofText(text));
    }

    /** Speaks what the request says; nothing is computed before the speech is iterated. */
    public Speech speak(SpeechRequest request) {
        return new Speech(this, request);
    }

    /** The voices' names. */
    public List<String> voices() {
        return Arrays.asList(tell(0).split("\n"));
    }

    /** Which provider and which operators speak and why, as JSON. */
    public String report() {
        return tell(1);
    }

    /** Samples per second. */
    public int sampleRate() {
        lock.readLock().lock();
        try {
            return sampleRateNative(opened());
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Frees everything; ends every speech of this engine before its next stage, and waits for that. */
    @Override
    public void close() {
        closing = true;
        lock.writeLock().lock();
        try {
            if (handle != 0) closeNative(handle);
            handle = 0;
        } finally {
            lock.writeLock().unlock();
        }
    }

    /** Loads the native library, for classes that call it without an engine. */
    static void load() {}

    Phonemizer phonemizer() {
        return phonemizer;
    }

    boolean isClosing() {
        return closing;
    }

    void speakNow(SpeechRequest request, Speech speech) {
        lock.readLock().lock();
        try {
            speakNative(
                    opened(), request.text == null ? null : Utf8.bytes(request.text),
                    request.phonemes == null ? null : Utf8.bytes(request.phonemes), Utf8.bytes(request.voice),
                    Utf8.bytes(request.language), request.speed, request.seed, phonemizer != null, speech);
        } finally {
            lock.readLock().unlock();
        }
    }

    private String tell(int what) {
        lock.readLock().lock();
        try {
            return Utf8.text(tellNative(opened(), what));
        } finally {
            lock.readLock().unlock();
        }
    }

    private long opened() {
        if (handle == 0 || closing) throw closed();
        return handle;
    }

    static KokoroNpuException closed() {
        return new KokoroNpuException(
                KokoroNpuException.Kind.CANCELLED, "engine", "an open one", "a closed one", "Open the package again.");
    }

    private static native long openNative(
            byte[] folder, long memoryLimit, int threads, int provider, boolean skipHashes, byte[] plugin,
            byte[] probeProgram, byte[] cacheFolder, boolean stockOperators, byte[] opsLibrary);

    private static native void speakNative(
            long handle, byte[] text, byte[] phonemes, byte[] voice, byte[] language, double speed, long seed,
            boolean phonemizes, Speech speech);

    private static native byte[] tellNative(long handle, int what);

    private static native int sampleRateNative(long handle);

    private static native void closeNative(long handle);
}
