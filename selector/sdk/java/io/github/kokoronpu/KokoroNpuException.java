package io.github.kokoronpu;

/** An error of the engine: where, what was expected, what was there, and what to do. */
public final class KokoroNpuException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What an error is about. */
    public enum Kind { TEXT, CONTRACT, PACKAGE, DEVICE, CANCELLED, INTERNAL }

    public final Kind kind;
    public final String where;
    public final String expected;
    public final String got;
    public final String todo;

    KokoroNpuException(int status, byte[] where, byte[] expected, byte[] got, byte[] todo) {
        this(Kind.values()[status - 1], Utf8.text(where), Utf8.text(expected), Utf8.text(got), Utf8.text(todo));
    }

    KokoroNpuException(Kind kind, String where, String expected, String got, String todo) {
        super(where + ": expected " + expected + ", got " + got + ". " + todo);
        this.kind = kind;
        this.where = where;
        this.expected = expected;
        this.got = got;
        this.todo = todo;
    }
}
