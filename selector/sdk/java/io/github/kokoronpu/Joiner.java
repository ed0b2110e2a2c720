package io.github.kokoronpu;

import java.util.Arrays;

/**
 * Chunks of sound to one sound, without clicks and dead air; the same samples as Python's.
 *
 * <p>{@link #push} for each chunk, then {@link #finish}. It holds one chunk at a time. What the numbers are for:
 * {@code selector/speak/join.py}.
 */
public final class Joiner {
    /** The phonemes of a chunk are not known: loudness alone decides. */
    public static final int UNKNOWN = -1;

    private static final double LEAD = 0.1; // seconds
    private static final double SHORTEST = 0.05;
    private static final double[] PAUSE = {0.05, 0.05, 0.06, 0.2, 0.4, 0.7}; // by bound
    private static final double BELOW_PEAK = 0.005623413251903491; // -45 dB of the loudest window
    private static final double SILENCE = 0.00031622776601683794; // -70 dB of full scale

    private static final String SILENT = " .,!?;:…—\"“”()";

    private final double speed;
    private final int rate;
    private final int window;
    private final int fade;
    private final int declick;
    private final int guard;
    /** The silence behind the last chunk; null before the first. */
    private float[] tail;
    private Bound bound = Bound.PARAGRAPH;

    public Joiner(double speed, int sampleRate) {
        this.speed = speed;
        this.rate = sampleRate;
        this.window = sampleRate / 200;
        this.fade = sampleRate / 100;
        this.declick = sampleRate / 400;
        this.guard = sampleRate / 50;
    }

    /**
     * The first sample of the first phoneme and the first behind the last one; both {@link #UNKNOWN} where only marks
     * are said.
     *
     * @param phonemes symbols that have an id
     * @param frames of each of them, with one pad at each end: {@code frames_per_token}
     */
    public static int[] phonemesAt(String phonemes, int[] frames, int samplesPerFrame) {
        int[] span = {UNKNOWN, UNKNOWN};
        int at = frames[0];
        for (int i = 0, token = 1; i < phonemes.length(); i = phonemes.offsetByCodePoints(i, 1), token++) {
            boolean sounds = SILENT.indexOf(phonemes.codePointAt(i)) < 0;
            span[0] = sounds && span[0] == UNKNOWN ? at * samplesPerFrame : span[0];
            at += frames[token];
            span[1] = sounds ? at * samplesPerFrame : span[1];
        }
        return span;
    }

    /**
     * The gap to the chunk before and this chunk's speech; its silence is held until the next chunk.
     *
     * @param bound what ends behind it
     * @param first the first sample of its first phoneme, by the durations; spaces, punctuation and pads are none
     * @param last the first sample behind its last phoneme; both {@link #UNKNOWN} where there is none
     */
    public float[] push(float[] sound, Bound bound, int first, int last) {
        int[] at = speech(sound, first, last);
        float[] quiet = Arrays.copyOf(sound, at[0]);
        // Both guards are silence to the ear: the pause includes them.
        float[] head = tail == null
                ? gap(new float[0], quiet, Math.min(at[0], samples(LEAD)))
                : gap(tail, quiet, samples(pause(this.bound, speed)) - 2 * guard);
        float[] out = Arrays.copyOf(head, head.length + at[1] - at[0]);
        System.arraycopy(sound, at[0], out, head.length, at[1] - at[0]);
        tail = Arrays.copyOfRange(sound, at[1], sound.length);
        this.bound = bound;
        return out;
    }

    /** The silence behind the last chunk, faded out. */
    public float[] finish() {
        float[] last = tail == null ? new float[0] : tail;
        tail = null;
        return gap(last, new float[0], Math.min(last.length, samples(LEAD)));
    }

    /** Seconds of silence behind a chunk that ends with this bound. */
    public static double pause(Bound bound, double speed) {
        return Math.max(SHORTEST, PAUSE[bound.ordinal()] / speed);
    }

    /** The first sample of speech and the first behind it, guards included; declicked ends are never speech. */
    int[] speech(float[] sound, int first, int last) {
        double[] levels = levels(sound);
        double peak = 0;
        for (double level : levels) {
            peak = Math.max(peak, level);
        }
        double threshold = Math.max(SILENCE, peak * BELOW_PEAK);
        int loudFirst = -1;
        int loudLast = -1;
        for (int i = 0; i < levels.length; i++) {
            boolean spoken = first != UNKNOWN && i >= first / window && i < (last + window - 1) / window;
            if (levels[i] >= (spoken ? SILENCE : threshold)) {
                loudFirst = loudFirst < 0 ? i : loudFirst;
                loudLast = i;
            }
        }
        if (loudFirst < 0) {
            int edge = Math.min(declick, sound.length);
            return new int[] {edge, Math.max(edge, sound.length - declick)};
        }
        int edge = Math.min(declick, sound.length / 2);
        int end = Math.min((loudLast + 1) * window + guard, sound.length - edge);
        return new int[] {Math.max(loudFirst * window - guard, edge), end};
    }

    private int samples(double seconds) {
        return (int) Math.rint(seconds * rate);
    }

    /** RMS of whole 5 ms windows. */
    private double[] levels(float[] sound) {
        double[] out = new double[sound.length / window];
        for (int w = 0; w < out.length; w++) {
            double[] s = new double[8]; // numpy adds in eight strands
            for (int i = 0; i < window; i++) {
                double sample = sound[w * window + i];
                s[i % 8] += sample * sample;
            }
            out[w] = Math.sqrt((((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))) / window);
        }
        return out;
    }

    /** Equal power, from 0 up: its square and its mirror's square add up to 1. */
    private static float rising(int at, int length) {
        if (length < 2) {
            return 0;
        }
        double quarter = Math.PI / 2;
        return (float) Math.sin(at == length - 1 ? quarter : at * (quarter / (length - 1)));
    }

    /** The sound between two speeches, {@code length} samples: silence {@code tail} fading into {@code head}. */
    private float[] gap(float[] tail, float[] head, int length) {
        float[] out = new float[length];
        int a = tail.length;
        int b = head.length;
        if (a + b - length - fade > 0) { // enough silence of their own: overlap by a fade
            a = Math.min(a, Math.max(length + fade - b, (length + fade) / 2));
            b = length + fade - a;
        }
        a = Math.min(a, length);
        b = Math.min(b, length);
        for (int i = 0; i < a; i++) {
            int left = a - 1 - i;
            int faded = Math.min(a, fade);
            out[i] += left < faded ? tail[i] * rising(left, faded) : tail[i];
        }
        for (int i = 0; i < b; i++) {
            int faded = Math.min(b, fade);
            float kept = head[head.length - b + i];
            out[length - b + i] += i < faded ? kept * rising(i, faded) : kept;
        }
        return out;
    }
}
