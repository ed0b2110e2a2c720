package io.github.kokoronpu;

import java.nio.charset.StandardCharsets;

/** Text crosses JNI as UTF-8 bytes: JNI's own strings are a dialect of it. */
final class Utf8 {
    private Utf8() {}

    static byte[] bytes(String text) {
        return text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
