package io.github.kokoronpu;

import java.io.Closeable;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;

/**
 * One speech: its chunks in order, made on a thread of its own while earlier ones play. It can be iterated once.
 * {@link #close} ends it before its next stage; a speech that was iterated to its end is closed.
 */
public final class Speech implements Iterable<Spoken>, Closeable {
    private static final Object END = new Object();
    private static final long PATIENCE_MS = 50; // between looks at whether somebody closed the speech

    private final KokoroNpu engine;
    private final SpeechRequest request;
    private final SynchronousQueue<Object> given = new SynchronousQueue<>();
    private volatile boolean closed;
    private boolean begun;

    Speech(KokoroNpu engine, SpeechRequest request) {
        this.engine = engine;
        this.request = request;
    }

    @Override
    public synchronized Iterator<Spoken> iterator() {
        if (begun) throw new IllegalStateException("a speech is iterated once; ask the engine for another");
        begun = true;
        Thread thread = new Thread(this::produce, "kokoro-npu");
        thread.setDaemon(true);
        thread.start();
        return new Chunks();
    }

    @Override
    public void close() {
        closed = true;
    }

    private void produce() {
        Object last = END;
        try {
            engine.speakNow(request, this);
        } catch (Throwable error) { // thrown again where the app takes chunks
            last = error;
        }
        give(last);
    }

    /** Hands something over; false where nobody will take it. */
    private boolean give(Object thing) {
        try {
            while (!isClosed()) if (given.offer(thing, PATIENCE_MS, TimeUnit.MILLISECONDS)) return true;
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    // What the native side calls.

    byte[] phonemize(byte[] text, byte[] language) {
        return Utf8.bytes(engine.phonemizer().phonemize(Utf8.text(text), Utf8.text(language)));
    }

    byte[] nextPiece() {
        return request.pieces.hasNext() ? Utf8.bytes(request.pieces.next()) : null;
    }

    boolean take(float[] samples, byte[] text, long start, byte[] symbols, long[] times) {
        return give(new Spoken(samples, Utf8.text(text), start, Utf8.text(symbols), times));
    }

    boolean isClosed() {
        return closed || engine.isClosing();
    }

    private final class Chunks implements Iterator<Spoken> {
        private Object next;

        @Override
        public boolean hasNext() {
            try {
                while (next == null && !isClosed()) next = given.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException error) {
                close();
                Thread.currentThread().interrupt();
            }
            if (next == null && !closed && engine.isClosing()) throw KokoroNpu.closed();
            if (next instanceof RuntimeException) throw (RuntimeException) next;
            if (next instanceof Error) throw (Error) next;
            return next != null && next != END;
        }

        @Override
        public Spoken next() {
            if (!hasNext()) throw new NoSuchElementException();
            Spoken chunk = (Spoken) next;
            next = null;
            return chunk;
        }
    }
}
