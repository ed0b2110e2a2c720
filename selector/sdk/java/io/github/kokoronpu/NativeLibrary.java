package io.github.kokoronpu;

/** The engine's library: {@code libkokoro_npu.so}, or what the system property {@code kokoro_npu.library} names. */
final class NativeLibrary {
    private NativeLibrary() {}

    static void load() {
        String path = System.getProperty("kokoro_npu.library");
        if (path == null) System.loadLibrary("kokoro_npu");
        else System.load(path);
    }
}
